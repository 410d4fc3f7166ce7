"""Two arms compared in one metric, from arrays over users."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from scipy import stats

from offline.experiment.aggregates.assignment import CONTROL
from offline.experiment.stats.capping import Cap
from offline.experiment.stats.cuped import FEWEST as FEWEST_BEFORE
from offline.experiment.stats.cuped import Adjusted, adjust
from offline.experiment.stats.effects import (
    ALPHA,
    Effect,
    Moments,
    compare,
    freedom,
    relative_interval,
    standard_error,
    welch_p,
)
from offline.experiment.stats.holm import holm
from offline.experiment.stats.permutation import FEWEST, is_small, permute
from offline.experiment.stats.power import detectable
from offline.experiment.stats.sample import Sample

HEAVY = 0.2
"""Share of an arm's denominators above which one user dominates a ratio: CUPED's θ would be fitted
to that user, which leaves nothing to estimate its error from."""
Interval = tuple[float, float]
Method = Literal["Welch", "permutation", "CUPED", "CUPED, permutation", "bootstrap", "none"]


@dataclass(frozen=True)
class Comparison:
    """A row of the effect table, with all further results of its metric.

    `change`, intervals and `detectable` are in percent of the control mean; None where they are
    undefined. The verdict uses `change`, `relative` and `p`, which are computed by `method`.
    """

    effect: Effect
    change: float | None
    relative: Interval | None
    """For the ratio of two estimated means; it excludes 0 exactly where `p` is below `alpha`."""
    p: float | None
    method: Method
    users: tuple[int, int]
    """Numbers of users with a value: of the control, of the treatment."""
    moments: tuple[Moments, Moments] | None = None
    """The moments that `method` compares, the control first."""
    fieller: Interval | None = None
    """By Welch's test and Fieller's ratio, without any adjustment."""
    detectable: float | None = None
    """The smallest true effect that this test detects with a power of 80 %."""
    bootstrap: Interval | None = None
    adjusted: Adjusted | None = None
    p_holm: float | None = None
    """`p` adjusted over all rows so that the chance of any false one is at most 5 %."""
    p_bh: float | None = None
    """`p` adjusted so that at most 5 % of the rows called significant are false, on average."""
    cap: Cap | None = None
    uncapped: "Comparison | None" = None
    """The same row without the cap, where there is one."""
    note: str = ""
    """A note on the test, beside the note of `effect`."""
    alpha: float = ALPHA
    """Significance level of its intervals and its test."""

    @property
    def cuped(self) -> Interval | None:
        """The interval after CUPED, where there is a period before."""
        return None if self.adjusted is None else self.adjusted.relative(alpha=self.alpha)

    @property
    def cuped_effect(self) -> float | None:
        """The effect after CUPED, in percent of the control mean, where `cuped` is known."""
        return None if self.adjusted is None else self.adjusted.change

    @property
    def table(self) -> Effect:
        """The row of the effect table, which is always uncapped."""
        return self.effect if self.uncapped is None else self.uncapped.effect

    @property
    def notes(self) -> str:
        """The notes on the effect and on the test, joined; empty where there are none."""
        return "; ".join(some for some in (self.effect.note, self.note) if some)


def compare_samples(
    treatment: str,
    metric: str,
    control: Sample,
    treated: Sample,
    *,
    cuped: bool = False,
    seed: int = 0,
    draws: int | None = None,
    alpha: float = ALPHA,
    against: str = CONTROL,
) -> Comparison:
    """Compare two arms in one metric.

    Parameters
    ----------
    treatment, metric : str
        Names, for the row.
    control, treated : Sample
    cuped : bool, default False
        Whether CUPED-adjusted values are tested, if there is a period before.
    seed, draws : int
        Of the permutation test, which is used for small arms.
    alpha : float, default 0.05
        Chance of a false alarm.
    against : str, default "C"
        What the control is called.

    Returns
    -------
    Comparison
        `change` and `relative` (its interval) in percent of the control mean, `p`, and `method`.

    Examples
    --------
    >>> import numpy as np
    >>> from offline.experiment import Sample, compare_samples
    >>> rng = np.random.default_rng(1)
    >>> arms = [Sample.of(rng.normal(mean, 1, 500)) for mean in (10, 11)]
    >>> row = compare_samples("T1", "minutes", *arms)
    >>> row.method, 8 < row.change < 12, row.p < 0.001
    ('Welch', True, True)
    """
    arms = control.moments, treated.moments
    effect = compare(treatment, metric, *arms, against)
    users = control.n, treated.n
    row = Comparison(effect, effect.effect, None, None, "none", users, alpha=alpha)
    if any(math.isnan(arm.variance_of_mean) for arm in arms):
        return row
    heaviest = max(0.0 if arm.is_mean else float(arm.leverage.max()) for arm in (control, treated))
    adjusted = adjust(control, treated) if heaviest <= HEAVY else None
    row = replace(row, fieller=relative_interval(*arms, alpha=alpha), adjusted=adjusted)
    if min(users) < FEWEST:
        return replace(row, note=f"fewer than {FEWEST} users of an arm have a value: no test")
    dealt = seed, draws
    if cuped and adjusted is not None:
        row = replace(row, change=adjusted.change, moments=(adjusted.control, adjusted.treated))
        return _decided(row, "CUPED", row.cuped, adjusted.samples, heaviest, dealt)
    row = replace(row, moments=arms)
    row = _decided(row, "Welch", row.fieller, (control, treated), heaviest, dealt)
    if cuped:
        row = replace(row, note="; ".join(filter(None, (_no_cuped(heaviest), row.note))))
    return row


def _no_cuped(heaviest: float) -> str:
    if heaviest > HEAVY:
        return f"no CUPED: one user has {100 * heaviest:.0f} % of an arm's denominators"
    return f"no CUPED: fewer than {FEWEST_BEFORE} users of an arm have a past, or all the same"


def _decided(
    row: Comparison,
    method: Literal["Welch", "CUPED"],
    relative: Interval | None,
    samples: tuple[Sample, Sample],
    heaviest: float,
    dealt: tuple[int, int | None],
) -> Comparison:
    """The row with its test: of its moments, or where the arms are small by permutation.

    `relative` is the interval by its moments. Where one user has much of a ratio's denominators
    the permutation test compares the others, given where that user is: both tests have to agree.
    """
    assert row.moments is not None
    p = welch_p(*row.moments)
    row = replace(row, detectable=_detectable(*row.moments, row.alpha))
    if not is_small(*samples):
        return replace(row, relative=relative, p=p, method=method)
    found = permute(*samples, *dealt, alpha=row.alpha)
    by: Method = "permutation" if method == "Welch" else "CUPED, permutation"
    row = replace(row, relative=found.relative, p=found.p, method=by)
    why = "small or uneven arms: a permutation test decides"
    if heaviest > HEAVY:
        row = replace(row, relative=_hull(relative, found.relative), p=max(p, found.p))
        why = (
            f"one user has {100 * heaviest:.0f} % of an arm's denominators: no effect is called "
            "significant unless the permutation test and HC3's agree"
        )
    assert row.p is not None
    if (p < row.alpha) != (row.p < row.alpha):
        row = replace(row, note=f"{why} (p = {row.p:.2g})")
    return row


def _hull(one: Interval | None, other: Interval | None) -> Interval | None:
    if one is None or other is None:
        return None
    return min(one[0], other[0]), max(one[1], other[1])


def _detectable(control: Moments, treated: Moments, alpha: float) -> float | None:
    error = standard_error(control, treated)
    if not error or not control.mean:
        return None
    least = detectable(error, freedom(control, treated), alpha=alpha)
    return 100 * least / abs(control.mean)


def with_adjusted_p(rows: Sequence[Comparison]) -> tuple[Comparison, ...]:
    """The rows with p adjusted over all that have one."""
    known = [i for i, row in enumerate(rows) if row.p is not None]
    found = list(rows)
    if known:
        values = [row.p for row in rows if row.p is not None]
        bh = stats.false_discovery_control(values, method="bh")
        for i, family_wise, discovery in zip(known, holm(values), bh, strict=True):
            found[i] = replace(found[i], p_holm=float(family_wise), p_bh=float(discovery))
    return tuple(found)
