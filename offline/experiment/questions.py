"""What an analysis is asked beside the verdict, and the answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from offline.experiment.analysis import Analysis
from offline.experiment.bayes import PRIOR, Reading, readings
from offline.experiment.equivalence import Equivalence, equivalences
from offline.experiment.metrics import BY_NAME


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


def answer(analysis: Analysis, questions: Questions) -> Answers:
    """Everything that was asked, from an analysis."""
    times = None
    if analysis.options.sequential:
        times = {name: looks[-1].times for name, looks in analysis.looks.items() if looks}
    return Answers(
        equivalences(analysis.comparisons, questions.equivalence, times),
        readings(analysis.comparisons, lambda name: BY_NAME[name].more_is_better, questions.prior),
    )
