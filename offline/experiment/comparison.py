"""One treatment against the control in one metric, with all that is known about it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.multitest import multipletests

from offline.experiment.aggregate import Aggregates
from offline.experiment.assignment import CONTROL
from offline.experiment.bootstrap import (
    FEWEST_BLOCKS,
    Latencies,
    percentile_interval,
    resampled_ratios,
)
from offline.experiment.cuped import Adjusted, adjust
from offline.experiment.effects import (
    Effect,
    Moments,
    compare,
    freedom,
    relative_interval,
    standard_error,
    welch_p,
)
from offline.experiment.metrics import COVERAGE, METRICS, TAIL, Floats, Metric, contributions
from offline.experiment.power import detectable

Interval = tuple[float, float]
_SHARE = 0.99


@dataclass(frozen=True)
class Comparison:
    """A row: the effect table's, and beside it what the table has no column for.

    Intervals and `detectable` are in percent of the control mean; None where they are undefined.
    """

    effect: Effect
    relative: Interval | None
    """For the ratio of two estimated means (Fieller)."""
    p: float | None
    detectable: float | None = None
    """The smallest true effect that this test finds with a chance of 80 %."""
    bootstrap: Interval | None = None
    adjusted: Adjusted | None = None
    p_holm: float | None = None
    """`p` adjusted over all rows so that the chance of any false one is at most 5 %."""
    p_bh: float | None = None
    """`p` adjusted so that at most 5 % of the rows called significant are false, on average."""

    @property
    def cuped(self) -> Interval | None:
        """The interval after CUPED, where there is a period before."""
        found = self.adjusted
        return None if found is None else found.relative()

    @property
    def cuped_effect(self) -> float | None:
        found = self.adjusted
        if found is None or not found.control.mean:
            return None
        return 100 * (found.treated.mean / found.control.mean - 1)


def compare_all(
    aggregates: Aggregates,
    before: Aggregates | None,
    metrics: Sequence[Metric],
    rng: np.random.Generator,
    draws: int,
) -> tuple[Comparison, ...]:
    """Every treatment but the control with every metric, coverage and the slowest requests last.

    `before` is the log of the same users from before the experiment, for CUPED; `draws` of the
    bootstrap may be 0.
    """
    arms = [arm.treatment for arm in aggregates.arms]
    sums = {arm: [metric.sums(aggregates.of(arm)) for metric in metrics] for arm in arms}
    history = _history(aggregates, before, metrics) if before is not None else {}
    again = {
        arm: resampled_ratios(sums[arm], rng, draws) if draws else np.empty((0, len(metrics)))
        for arm in arms
    }
    rows: list[Comparison] = []
    for arm in arms[1:]:
        for i, metric in enumerate(metrics):
            values = {side: contributions(*sums[side][i]) for side in (CONTROL, arm)}
            row = _row(arm, metric.name, values[CONTROL], values[arm])
            pairs = [(values[side], history[side][:, i]) for side in (CONTROL, arm) if history]
            rows.append(
                replace(
                    row,
                    bootstrap=percentile_interval(again[CONTROL][:, i], again[arm][:, i]),
                    adjusted=adjust(pairs[0], pairs[1]) if pairs else None,
                )
            )
        rows += _coverage(aggregates, arm)
        rows += _slowest(aggregates, arm, rng, draws)
    return _with_adjusted_p(rows)


def _row(arm: str, metric: str, control: Floats, treated: Floats) -> Comparison:
    sides = [Moments.of(values[~np.isnan(values)]) for values in (control, treated)]
    effect = compare(arm, metric, sides[0], sides[1])
    if any(math.isnan(side.variance_of_mean) for side in sides):
        return Comparison(effect, None, None)
    error = standard_error(sides[0], sides[1])
    found = None
    if error and sides[0].mean:
        found = 100 * detectable(error, freedom(sides[0], sides[1])) / abs(sides[0].mean)
    p = welch_p(sides[0], sides[1])
    return Comparison(effect, relative_interval(sides[0], sides[1]), p, found)


def _history(
    aggregates: Aggregates, before: Aggregates, metrics: Sequence[Metric]
) -> Mapping[str, Floats]:
    """Per treatment, each user's contribution in the period before; shape (n_users, metrics)."""
    earlier = before.users.set_index("user_id")
    found = {}
    for arm in aggregates.arms:
        rows = earlier.reindex(aggregates.of(arm.treatment)["user_id"])
        columns = []
        for metric in metrics:
            above, below = metric.sums(rows)
            values = contributions(above, below)
            columns.append(np.where(rows["lines"].isna(), np.nan, values))
        found[arm.treatment] = np.column_stack(columns)
    return found


def _coverage(aggregates: Aggregates, arm: str) -> list[Comparison]:
    groups = aggregates.coverage
    sides = [
        groups.loc[groups["treatment"] == side, "tracks"].to_numpy(np.float64)
        for side in (CONTROL, arm)
    ]
    if not sum(some.sum() for some in sides):
        return []
    return [_row(arm, COVERAGE.name, sides[0], sides[1])]


def _slowest(
    aggregates: Aggregates, arm: str, rng: np.random.Generator, draws: int
) -> list[Comparison]:
    rows: pd.DataFrame = aggregates.latencies
    control, treated = (Latencies(rows[rows["treatment"] == side]) for side in (CONTROL, arm))
    if not draws or min(control.blocks, treated.blocks) < FEWEST_BLOCKS:
        return []
    was, now = control.quantile(_SHARE), treated.quantile(_SHARE)
    if not was:
        return []
    found = percentile_interval(
        control.resampled(_SHARE, rng, draws), treated.resampled(_SHARE, rng, draws)
    )
    lower, upper = found or (None, None)
    effect = Effect(
        arm,
        TAIL.name,
        100 * (now / was - 1),
        upper,
        lower,
        was,
        now,
        found is not None and not found[0] <= 0 <= found[1],
    )
    return [Comparison(effect, found, None, bootstrap=found)]


def _with_adjusted_p(rows: Sequence[Comparison]) -> tuple[Comparison, ...]:
    known = [i for i, row in enumerate(rows) if row.p is not None]
    found = list(rows)
    if known:
        values = [row.p for row in rows if row.p is not None]
        holm = multipletests(values, method="holm")[1]
        bh = stats.false_discovery_control(values, method="bh")
        for i, family_wise, discovery in zip(known, holm, bh, strict=True):
            found[i] = replace(found[i], p_holm=float(family_wise), p_bh=float(discovery))
    return tuple(found)


def applicable(aggregates: Aggregates) -> tuple[list[Metric], dict[str, str]]:
    """The metrics that this log can tell, and why it cannot tell the others."""
    missing = {}
    if not aggregates.has_catalog:
        missing["artists_per_session"] = "needs --catalog tracks.json"
    if not aggregates.own:
        missing["fallbacks"] = "the log has no `recommender`"
    if not aggregates.coverage["tracks"].sum():
        missing[COVERAGE.name] = (
            "the log has no `recommendation`"
            if len(aggregates.coverage)
            else "needs 50 users of a treatment"
        )
    return [metric for name, metric in METRICS.items() if name not in missing], missing
