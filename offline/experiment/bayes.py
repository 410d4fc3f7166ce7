"""The same row read with a prior: how likely the treatment is better, and what a mistake costs.

A. Gelman et al., "Bayesian Data Analysis", 3rd ed. 2013, section 2.5: the effect in percent has a
normal prior about 0, what was measured is normal about the effect, so the posterior is normal too.
Expected loss: C. Stucchio, "Bayesian A/B Testing at VWO", 2015. Over experiments whose effects
come from the prior the stated probabilities are right, whenever one looks; with another prior they
are as wrong as the prior is.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scipy import stats

from offline.errors import InputError
from offline.experiment.comparison import Comparison
from offline.experiment.levels import good_direction

PRIOR = 10.0
"""Standard deviation of the prior, in percent: two effects in three are within ±10 %."""


@dataclass(frozen=True)
class Reading:
    """One row; effects and losses in percent of the control mean."""

    treatment: str
    metric: str
    prior: float
    """Standard deviation of the prior about 0."""
    effect: float
    """Mean of the posterior."""
    lower: float
    upper: float
    """The middle 95 % of the posterior."""
    better: float
    """Probability that the treatment is better than the control."""
    loss_of_shipping: float
    """What is lost on average by shipping it: the harm, times the chance of it."""
    loss_of_keeping: float
    """What is lost on average by keeping the control."""
    surprising: bool
    """Whether the prior gives an effect as large as was measured a chance below 5 %: then it rules
    the reading, and should be one from past experiments."""


def readings(
    rows: Sequence[Comparison],
    more_is_better: Callable[[str], bool],
    prior: float = PRIOR,
) -> tuple[Reading, ...]:
    """Every row that has an effect and a standard error."""
    found = []
    for row in rows:
        measured = _measured(row)
        if measured is not None:
            metric = row.effect.metric
            good = good_direction(row, more_is_better(metric))
            found.append(_read(row, *measured, good, prior))
    return tuple(found)


def _measured(row: Comparison) -> tuple[float, float] | None:
    """The effect in percent and its standard error, by the delta method; None without spread."""
    if row.moments is None or row.change is None or row.relative is None:
        return None
    control, treated = row.moments
    variances, shared = (control.variance_of_mean, treated.variance_of_mean), 0.0
    if row.adjusted is not None and row.method.startswith("CUPED"):
        *variances, shared = row.adjusted.joint  # type: ignore[assignment]
    ratio = treated.mean / control.mean
    variance = variances[1] + ratio**2 * variances[0] - 2 * ratio * shared
    if not variance > 0:
        return None
    return row.change, 100 * math.sqrt(variance) / abs(control.mean)


def _read(row: Comparison, effect: float, error: float, direction: int, prior: float) -> Reading:
    weight = prior**2 / (prior**2 + error**2)
    mean, spread = weight * effect, math.sqrt(weight) * error
    half = float(stats.norm.ppf(0.975)) * spread
    good = direction * mean
    better = float(stats.norm.cdf(good / spread))
    density = spread * float(stats.norm.pdf(good / spread))
    return Reading(
        row.effect.treatment,
        row.effect.metric,
        prior,
        mean,
        mean - half,
        mean + half,
        better,
        max(density - good * (1 - better), 0.0),
        max(density + good * better, 0.0),
        abs(effect) > float(stats.norm.ppf(0.975)) * math.hypot(prior, error),
    )


def check_prior(prior: float) -> float:
    """The prior as it is. Raises InputError for what is no standard deviation."""
    if not 0 < prior < float("inf"):
        raise InputError(f"--prior {prior:g}: it must be a number of percent above 0, like 10")
    return prior
