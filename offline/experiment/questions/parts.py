"""One metric of two arms among some of the users, or in some of the time."""

from dataclasses import dataclass

import pandas as pd

from offline.experiment.aggregates.assignment import CONTROL
from offline.experiment.metrics import Metric
from offline.experiment.stats.absolute import absolute
from offline.experiment.stats.comparison import Interval, compare_samples
from offline.experiment.stats.effects import ALPHA, compare, relative_interval, welch_p
from offline.experiment.stats.permutation import SMALL
from offline.experiment.stats.sample import Sample

_DRAWS = 998
"""Of the permutation test: there are many parts, and the verdict uses none of them."""


@dataclass(frozen=True)
class Against:
    """The comparison of the parts of a treatment, and its options."""

    metric: Metric
    control: str = CONTROL
    alpha: float = ALPHA
    """Chance of a false alarm that intervals allow."""


@dataclass(frozen=True)
class Part:
    """Effect and interval in percent of the part's own control mean; None where undefined."""

    name: str
    users: tuple[int, int]
    """With a value: of the control, of the treatment."""
    effect: float | None
    interval: Interval | None
    p: float | None
    method: str
    difference: float | None
    """Treatment − control in the metric's unit."""
    note: str


def sample_of(users: pd.DataFrame, treatment: str, metric: Metric) -> Sample:
    """The treatment's users among rows with the columns of per_user.sql."""
    return Sample(*metric.sums(users[users["treatment"] == treatment]))


def part_of(name: str, treatment: str, against: Against, control: Sample, treated: Sample) -> Part:
    """Two samples: a permutation test below SMALL users, else always Welch's test.

    The test for skewed arms of any size would take a second for each part.
    """
    users, metric = (control.n, treated.n), against.metric.name
    if min(users) >= SMALL:
        arms = control.moments, treated.moments
        row = compare(treatment, metric, *arms, against.control)
        difference = arms[1].mean - arms[0].mean
        relative = relative_interval(*arms, alpha=against.alpha)
        p = welch_p(*arms)
        return Part(name, users, row.effect, relative, p, "Welch", difference, row.note)
    found = compare_samples(
        treatment,
        metric,
        control,
        treated,
        draws=_DRAWS,
        alpha=against.alpha,
        against=against.control,
    )
    return Part(
        name,
        users,
        found.change,
        found.relative,
        found.p,
        found.method,
        absolute(found).difference,
        found.notes,
    )
