"""Every treatment compared in every metric, from arrays over users."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from offline.errors import InputError
from offline.experiment.aggregates.summary import Aggregates
from offline.experiment.metrics import Floats, Metric, contributions
from offline.experiment.stats.bootstrap import (
    FEWEST,
    Latencies,
    bootstrap_p,
    percentile_interval,
    resampled_ratios,
)
from offline.experiment.stats.capping import Cap, cap
from offline.experiment.stats.comparison import Comparison, compare_samples, with_adjusted_p
from offline.experiment.stats.effects import ALPHA, Effect, relative_change
from offline.experiment.stats.leverage import Heavy, heaviest
from offline.experiment.stats.sample import Sample

_SHARE = 0.99
_BLOCKS = 100
"""Of users, in each arm, for the slowest requests: 50 gave 6.6 % false ones."""
Arms = Mapping[str, Sample]


@dataclass(frozen=True)
class Settings:
    """How rows are computed."""

    primaries: tuple[str, ...]
    """Primary metrics."""
    cap: float | None = None
    """Percentile over the users of all arms above which both sums of a user are cut off."""
    cuped: bool = False
    """Whether the verdict uses CUPED."""
    draws: int = 0
    """Of the bootstrap."""
    seed: int = 0
    """Of the bootstrap and of the permutation test."""
    alpha: float = ALPHA
    """Chance of a false alarm, a row by itself."""


@dataclass(frozen=True)
class Compared:
    """All rows, and the users with the largest weights in each metric."""

    rows: tuple[Comparison, ...]
    heavy: tuple[Heavy, ...]


def compare_all(
    aggregates: Aggregates,
    before: Aggregates | None,
    metrics: Sequence[Metric],
    settings: Settings,
) -> Compared:
    """Every treatment but the control with every metric, coverage and the slowest requests last.

    `before` is the log of the same users from before the experiment, for CUPED. Raises InputError
    where a cap would leave nothing of a primary metric.
    """
    names, control = [arm.treatment for arm in aggregates.arms], aggregates.control
    past = (
        None
        if before is None
        else {name: rows_before(before, aggregates.of(name)["user_id"]) for name in names}
    )
    arms = [_samples(aggregates, past, metric) for metric in metrics]
    ids = {name: aggregates.of(name)["user_id"].tolist() for name in names}
    heavy = [
        user
        for metric, samples in zip(metrics, arms, strict=True)
        for name, arm in samples.items()
        for user in heaviest(name, metric.name, arm, ids[name])
    ]
    cut = [_cut(metric.name, some, settings) for metric, some in zip(metrics, arms, strict=True)]
    rng = np.random.default_rng(settings.seed)
    again = {
        name: _resampled([samples[name] for samples, _ in cut], rng, settings) for name in names
    }
    rows: list[Comparison] = []
    for treatment in names[1:]:
        for i, metric in enumerate(metrics):
            samples, found = cut[i]
            row = _row(control, treatment, metric.name, samples, settings)
            if min(row.users) >= FEWEST:
                resampled = again[control][:, i], again[treatment][:, i]
                row = replace(row, bootstrap=percentile_interval(*resampled, alpha=settings.alpha))
            if found is not None:
                uncapped = _row(control, treatment, metric.name, arms[i], settings)
                row = replace(row, cap=found, uncapped=uncapped)
            rows.append(row)
        rows += _coverage(aggregates, treatment, settings)
        rows += _slowest(aggregates, treatment, rng, settings)
    return Compared(with_adjusted_p(rows), tuple(heavy))


def _samples(
    aggregates: Aggregates, before: Mapping[str, pd.DataFrame] | None, metric: Metric
) -> dict[str, Sample]:
    """The arms, the control first; `before` has the rows of each arm's users, as `rows_before`."""
    found = {}
    for arm in aggregates.arms:
        users = aggregates.of(arm.treatment)
        past = None if before is None else past_of(before[arm.treatment], metric)
        if metric.before is not None:
            past = users[metric.before].to_numpy(np.float64)
        found[arm.treatment] = Sample(*metric.sums(users), past)
    return found


def rows_before(before: Aggregates, user_ids: Iterable[str]) -> pd.DataFrame:
    """Each user's row of the period before, all NaN for a user unknown then."""
    return before.users.set_index("user_id").reindex(list(user_ids))


def past_of(rows: pd.DataFrame, metric: Metric) -> Floats:
    """Each user's contribution in the period before, shape (n,); `rows` as of `rows_before`."""
    values = contributions(*metric.sums(rows))
    return np.where(rows["lines"].isna(), np.nan, values)


def _cut(metric: str, arms: Arms, settings: Settings) -> tuple[Arms, Cap | None]:
    if settings.cap is None:
        return arms, None
    found, cut = cap(metric, list(arms.values()), settings.cap)
    if found.refused and metric in settings.primaries:
        raise InputError(
            f"--cap {settings.cap:g}: that percentile of {metric} is its smallest value, "
            f"{found.above:g}, so that nothing would be left to compare: give a higher one"
        )
    return dict(zip(arms, cut, strict=True)), found


def _resampled(arms: Sequence[Sample], rng: np.random.Generator, settings: Settings) -> Floats:
    if not settings.draws or len(arms[0].below) < FEWEST:
        return np.empty((0, len(arms)))
    return resampled_ratios([(arm.above, arm.below) for arm in arms], rng, settings.draws)


def _row(control: str, treatment: str, metric: str, arms: Arms, settings: Settings) -> Comparison:
    return compare_samples(
        treatment,
        metric,
        arms[control],
        arms[treatment],
        cuped=settings.cuped,
        seed=settings.seed,
        alpha=settings.alpha,
        against=control,
    )


def _coverage(aggregates: Aggregates, treatment: str, settings: Settings) -> list[Comparison]:
    """Groups of users are its units; they have no past, so that CUPED has no part in it."""
    groups, metric = aggregates.coverage, aggregates.metrics.computed("coverage")
    arms = [
        groups.loc[groups["treatment"] == arm, "tracks"].to_numpy(np.float64)
        for arm in (aggregates.control, treatment)
    ]
    if metric is None or not sum(some.sum() for some in arms):
        return []
    control, treated = (Sample.of(some) for some in arms)
    return [
        compare_samples(
            treatment,
            metric.name,
            control,
            treated,
            seed=settings.seed,
            alpha=settings.alpha,
            against=aggregates.control,
        )
    ]


def _slowest(
    aggregates: Aggregates, treatment: str, rng: np.random.Generator, settings: Settings
) -> list[Comparison]:
    rows, metric = aggregates.latencies, aggregates.metrics.computed("slowest")
    arms = aggregates.control, treatment
    control, treated = (Latencies(rows[rows["treatment"] == arm]) for arm in arms)
    if metric is None or not settings.draws or min(control.blocks, treated.blocks) < _BLOCKS:
        return []
    was, now = control.quantile(_SHARE), treated.quantile(_SHARE)
    change = relative_change(was, now)
    if change is None:
        return []
    draws = tuple(arm.resampled(_SHARE, rng, settings.draws) for arm in (control, treated))
    found, p = percentile_interval(draws[0], draws[1], settings.alpha), bootstrap_p(*draws)
    lower, upper = found or (None, None)
    significant = found is not None and not found[0] <= 0 <= found[1]
    effect = Effect(treatment, metric.name, change, upper, lower, was, now, significant)
    users = control.blocks, treated.blocks
    row = Comparison(effect, change, found, p, "bootstrap", users, alpha=settings.alpha)
    return [replace(row, bootstrap=found)]


def applicable(aggregates: Aggregates) -> tuple[list[Metric], dict[str, str]]:
    """The metrics that can be computed from the log, and why others cannot."""
    lacks = {
        "catalog": None if aggregates.has_catalog else "needs --catalog tracks.json",
        "recommender": None if aggregates.recommenders else "the log has no `recommender`",
        "recommendation": _no_recommendation(aggregates),
        "price": _no_price(aggregates),
    }
    missing = {
        metric.name: why
        for metric in aggregates.metrics.by_name.values()
        for why in [next((lacks[need] for need in metric.needs if lacks[need]), None)]
        if why is not None
    }
    there = [metric for metric in aggregates.metrics.of_users if metric.name not in missing]
    return there, missing


def _no_price(aggregates: Aggregates) -> str | None:
    found = aggregates.completeness
    if "priced" in found.columns and found["priced"].sum():
        return None
    return "no purchase in the log has a price"


def _no_recommendation(aggregates: Aggregates) -> str | None:
    if aggregates.coverage["tracks"].sum():
        return None
    if len(aggregates.coverage):
        return "the log has no `recommendation`"
    return "needs 50 users of a treatment"
