"""Questions beside the verdict, and their answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import pandas as pd

from offline.errors import InputError
from offline.experiment.aggregates.triggered import Dilution
from offline.experiment.aggregates.user_tables import UserTables
from offline.experiment.analysis import Analysis
from offline.experiment.checks.split_checks import SplitFault, first_days, split_faults
from offline.experiment.questions.attribute_segments import (
    AttributeSegment,
    Heterogeneity,
    by_attribute,
)
from offline.experiment.questions.attributes import labels
from offline.experiment.questions.days import ByDay, by_day
from offline.experiment.questions.interaction import Interactions, interactions
from offline.experiment.questions.parts import Against
from offline.experiment.rule import Rule
from offline.experiment.stats.bayes import PRIOR, Reading, readings
from offline.experiment.stats.equivalence import Equivalence, equivalences
from offline.experiment.words import date_text


@dataclass(frozen=True)
class Questions:
    """Which further analyses to run; see `answer`.

    Examples
    --------
    >>> from offline.experiment import Questions
    >>> Questions(equivalence={"mean_session_time": 2.0}).equivalence
    {'mean_session_time': 2.0}
    """

    equivalence: Mapping[str, float] = field(default_factory=dict)
    """Margins in percent, by metric."""
    prior: float = PRIOR
    """Standard deviation of the Bayesian reading's prior, in percent."""
    attributes: pd.DataFrame | None = None
    """Of users, by their ids: a column each to cut them by."""
    other: str | None = None
    """An experiment that ran beside this one."""
    rule: Rule = field(default_factory=Rule)
    """By which the verdict is given."""
    triggered: bool = False
    """Whether users for whom another experiment takes precedence are excluded."""

    def check_other(self, experiment: str) -> None:
        """Raises InputError if the other experiment is the analysed one."""
        if self.other == experiment:
            raise InputError(f"--interaction {experiment}: name another experiment")


@dataclass(frozen=True)
class Answers:
    """Results of the further analyses."""

    equivalences: tuple[Equivalence, ...]
    readings: tuple[Reading, ...]
    days_of: Mapping[str, tuple[ByDay, ...]]
    """Each primary metric by calendar day (UTC), a treatment each; none for a table."""
    ages_of: Mapping[str, tuple[ByDay, ...]]
    """By days since a user's own first line."""
    segments: tuple[AttributeSegment, ...]
    """The first primary metric by attribute: exploratory."""
    heterogeneity: tuple[Heterogeneity, ...]
    split_faults: tuple[SplitFault, ...]
    """Days of first lines, and segments, that were not split as they should have been."""
    without_attributes: int
    """Users that are not in the file of attributes."""
    interactions: Interactions | None
    dilution: Dilution | None
    rule: Rule
    metric: str
    """The first primary metric."""
    effects: Mapping[str, float | None]
    """Of the first primary metric, in percent, by treatment."""
    alpha: float
    """Chance of a false alarm that intervals and tests allow."""
    source: Literal["log", "shop", "table"]

    @property
    def days(self) -> tuple[ByDay, ...]:
        """Of the first primary metric."""
        return self.days_of.get(self.metric, ())

    @property
    def ages(self) -> tuple[ByDay, ...]:
        """Of the first primary metric."""
        return self.ages_of.get(self.metric, ())


def answer(analysis: Analysis, questions: Questions, tables: UserTables | None = None) -> Answers:
    """Run the further analyses.

    Parameters
    ----------
    analysis : Analysis
    questions : Questions
    tables : UserTables, optional
        By day and of other experiments, read from the open log; None: none.

    Returns
    -------
    Answers

    Raises
    ------
    InputError
        Where no user of the attributes is in the experiment.

    Examples
    --------
    >>> from offline import open_logs
    >>> from offline.experiment import Options, Questions, aggregate, analyse, answer
    >>> with open_logs(["log"]) as log:
    ...     aggregates = aggregate(log, "AB")
    >>> analysis = analyse(aggregates, options=Options(draws=0))
    >>> found = answer(analysis, Questions(equivalence={"sessions": 2.0}))
    >>> found.equivalences[0].metric
    'sessions'
    """
    metric, alpha = analysis.primary, analysis.options.alpha
    against = Against(metric, analysis.control, alpha)
    times = None
    if analysis.options.sequential:
        times = {name: looks[-1].times for name, looks in analysis.looks.items() if looks}
    treatments = [arm.treatment for arm in analysis.aggregates.arms[1:]]
    users, groups = analysis.aggregates.users, {}
    days: dict[str, tuple[ByDay, ...]] = {}
    ages: dict[str, tuple[ByDay, ...]] = {}
    beside = None
    if tables is not None:
        for one in analysis.metrics.primaries:
            compared = replace(against, metric=one)
            for found, sums in ((days, tables.days_of), (ages, tables.ages_of)):
                found[one.name] = tuple(
                    by_day(sums[one.name], name, compared) for name in treatments
                )
        came = users["user_id"].map(first_days(tables.days_of[metric.name])).dropna()
        texts = {day: date_text(int(day)) for day in came.unique()}
        groups = {"day of the first line": came.map(texts)}
        if questions.other is not None:
            beside = interactions(questions.other, users, tables.others, against)
    cut, unknown = _cut(users, questions.attributes)
    segments, equal = by_attribute(users, treatments, cut, against)
    faults = [
        fault
        for by, group in (groups | cut).items()
        for fault in split_faults(
            by, group, users.loc[group.index, "treatment"], analysis.ratio.expected
        )
    ]
    return Answers(
        equivalences(analysis.comparisons, questions.equivalence, times),
        readings(
            analysis.comparisons,
            lambda name: analysis.metrics[name].more_is_better,
            questions.prior,
        ),
        days,
        ages,
        segments,
        equal,
        tuple(faults),
        unknown,
        beside,
        None if tables is None else tables.dilution,
        questions.rule,
        metric.name,
        {name: analysis.deciding(name).change for name in treatments},
        alpha,
        analysis.aggregates.source,
    )


def _cut(
    users: pd.DataFrame, attributes: pd.DataFrame | None
) -> tuple[dict[str, "pd.Series[Any]"], int]:
    """The segment of each user by attribute, and how many users have none."""
    if attributes is None:
        return {}, 0
    ids = users["user_id"].tolist()
    known = int(users["user_id"].isin(attributes.index).sum())
    if not known:
        raise InputError(
            "--attributes: none of its users is in the experiment: are these its user ids?"
        )
    cut = {
        str(name): pd.Series(labels(attributes[name], ids).to_numpy(object), users.index)
        for name in attributes.columns
    }
    return cut, len(ids) - known
