"""Bayesian reading of a row: the probability of being better, and the expected loss.

A. Gelman et al., "Bayesian Data Analysis", 3rd ed. 2013, section 2.5: the logarithm of treatment /
control has a normal prior about 0, the estimate is normal about the true value (delta method), so
the posterior is normal too. The logarithm, as the error of a ratio grows with the ratio: on the
scale of percent, losses look surer than they are. Expected loss: C. Stucchio, "Bayesian A/B
Testing at VWO", 2015. Over experiments whose effects come from the prior the stated probabilities
are right, whenever one looks; with another prior they are as wrong as the prior is.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scipy import special

from offline.errors import InputError
from offline.experiment.stats.comparison import Comparison

PRIOR = 10.0
"""Standard deviation of the prior, in percent: two effects in three are within ±10 %."""


@dataclass(frozen=True)
class Reading:
    """One row; effects and losses in percent of the control mean."""

    treatment: str
    metric: str
    prior: float
    """100 × the standard deviation of the prior about 0, of the logarithm."""
    effect: float
    """Mean of the posterior."""
    lower: float
    upper: float
    """The middle of the posterior, 1 − alpha of it."""
    better: float
    """Probability that the treatment is better than the control."""
    loss_of_shipping: float
    """The expected loss of shipping it: the harm, times its probability."""
    loss_of_keeping: float
    """The expected loss of keeping the control."""
    surprising: bool
    """Whether the prior gives an effect as large as was measured a chance below 5 %: then it rules
    the reading, and should be one from past experiments."""


def readings(
    rows: Sequence[Comparison],
    more_is_better: Callable[[str], bool],
    prior: float = PRIOR,
) -> tuple[Reading, ...]:
    """Every row that has a standard error, and means of the same sign."""
    found = []
    for row in rows:
        measured = _measured(row)
        if measured is not None:
            found.append(_read(row, *measured, more_is_better(row.effect.metric), prior))
    return tuple(found)


def _measured(row: Comparison) -> tuple[float, float] | None:
    """Logarithm of treatment / control, and its standard error by the delta method.

    None without spread, or where the means have not the same sign.
    """
    if row.moments is None or row.relative is None:
        return None
    control, treated = row.moments
    if not control.mean * treated.mean > 0:
        return None
    variances, shared = (control.variance_of_mean, treated.variance_of_mean), 0.0
    if row.adjusted is not None and row.method.startswith("CUPED"):
        *variances, shared = row.adjusted.joint  # type: ignore[assignment]
    variance = (
        variances[0] / control.mean**2
        + variances[1] / treated.mean**2
        - 2 * shared / (control.mean * treated.mean)
    )
    if not variance > 0:
        return None
    return math.log(treated.mean / control.mean), math.sqrt(variance)


def _read(row: Comparison, measured: float, error: float, more: bool, prior: float) -> Reading:
    # Of a negative control mean a larger ratio is further below 0: less, though more of its size.
    sign = -1 if row.moments is not None and row.moments[0].mean < 0 else 1
    width = prior / 100
    weight = width**2 / (width**2 + error**2)
    mean, spread = weight * measured, math.sqrt(weight) * error
    half = float(special.ndtri(1 - row.alpha / 2)) * spread
    larger = float(special.ndtr(mean / spread))
    # E[max(exp(x) − 1, 0)] and E[max(1 − exp(x), 0)] for the normal x.
    factor = math.exp(mean + spread**2 / 2)
    gain = factor * float(special.ndtr(mean / spread + spread)) - larger
    loss = (1 - larger) - factor * float(special.ndtr(-mean / spread - spread))
    is_good = more == (sign > 0)
    shipping, keeping = (loss, gain) if is_good else (gain, loss)
    ends = sorted(sign * 100 * (math.exp(end) - 1) for end in (mean - half, mean + half))
    return Reading(
        row.effect.treatment,
        row.effect.metric,
        prior,
        sign * 100 * (factor - 1),
        ends[0],
        ends[1],
        larger if is_good else 1 - larger,
        100 * max(shipping, 0.0),
        100 * max(keeping, 0.0),
        abs(measured) > float(special.ndtri(0.975)) * math.hypot(width, error),
    )


def check_prior(prior: float) -> float:
    """The prior as it is. Raises InputError unless it is a standard deviation."""
    if not 0 < prior < float("inf"):
        raise InputError(f"--prior {prior:g}: it must be a number of percent above 0, like 10")
    return prior
