"""What an analysis is asked beside the verdict, and the answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from offline.experiment.analysis import Analysis
from offline.experiment.bayes import PRIOR, Reading, readings
from offline.experiment.days import ByDay, by_day
from offline.experiment.equivalence import Equivalence, equivalences
from offline.experiment.metrics import BY_NAME, Metric
from offline.experiment.user_tables import UserTables


@dataclass(frozen=True)
class Questions:
    """What is asked; see `Answers`."""

    equivalence: Mapping[str, float] = field(default_factory=dict)
    """Margins in percent, by metric."""
    prior: float = PRIOR
    """Standard deviation of the Bayesian reading's prior, in percent."""


@dataclass(frozen=True)
class Answers:
    """What is told beside the verdict; none of it changes the verdict."""

    equivalences: tuple[Equivalence, ...]
    readings: tuple[Reading, ...]
    days: tuple[ByDay, ...]
    """The deciding metric by calendar day (UTC), a treatment each."""
    ages: tuple[ByDay, ...]
    """By days since a user's own first line."""


def answer(
    analysis: Analysis, questions: Questions, tables: UserTables, metric: Metric
) -> Answers:
    """Everything that was asked, from an analysis; `metric` is the one that it is decided by."""
    times = None
    if analysis.options.sequential:
        times = {name: looks[-1].times for name, looks in analysis.looks.items() if looks}
    treatments = [arm.treatment for arm in analysis.aggregates.arms[1:]]
    days = [by_day(tables.days, name, metric) for name in treatments]
    ages = [by_day(tables.ages, name, metric) for name in treatments]
    return Answers(
        equivalences(analysis.comparisons, questions.equivalence, times),
        readings(analysis.comparisons, lambda name: BY_NAME[name].more_is_better, questions.prior),
        tuple(some for some in days if some is not None),
        tuple(some for some in ages if some is not None),
    )
