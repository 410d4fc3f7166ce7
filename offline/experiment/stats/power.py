"""The power of a test: before it, from a similar log; after it, from its own.

J. Cohen, "Statistical Power Analysis for the Behavioral Sciences", 2nd ed. 1988, chapter 2.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from scipy import optimize, special

from offline.experiment.stats.effects import ALPHA, Moments

POWER = 0.8
_MANY = 1000
"""Degrees of freedom from which on Student's distribution is as good as normal (to .001)."""

_BOUNDLESS = 1e6
"""Percent."""


def power(effect: float, error: float, freedom: float, alpha: float = ALPHA) -> float:
    """Power of Welch's test for a true difference `effect` of means, with its sign.

    `error` is the standard error of the difference. The statistic is taken to have a noncentral
    t distribution with `freedom` degrees; with many, a normal one.
    """
    limit = special.stdtrit(freedom, 1 - alpha / 2)
    shift = abs(effect) / error
    if freedom > _MANY:
        return float(special.ndtr(shift - limit))
    return float(1 - special.nctdtr(freedom, shift, limit))


def detectable(error: float, freedom: float, wanted: float = POWER, alpha: float = ALPHA) -> float:
    """The smallest true difference that is detected with the power `wanted`."""
    limit = special.stdtrit(freedom, 1 - alpha / 2)
    root = optimize.brentq(
        lambda effect: power(effect, 1.0, freedom, alpha) - wanted, 1e-6, 3 * limit + 3, xtol=1e-6
    )
    return float(root * error)


def users_factor(
    margin: float,
    error: float,
    times: float | None = None,
    wanted: float = POWER,
    alpha: float = ALPHA,
) -> float:
    """Factor on the users that show, with the power `wanted`, that nothing is `margin` worse.

    For a true effect of 0: the interval must end before the margin (non-inferiority at alpha / 2,
    one-sided). `error` is the current standard error of the difference, `times` its factor in the
    interval (default: the normal distribution's quantile).
    """
    if times is None:
        times = float(special.ndtri(1 - alpha / 2))
    return ((times + float(special.ndtri(wanted))) * error / margin) ** 2


@dataclass(frozen=True)
class Plan:
    """A metric per user, as a past log has it: `mean` and standard deviation `spread`.

    An effect is assumed to scale the treated arm's values, and so their spread: with a mean larger
    by a tenth, the standard deviation is larger by a tenth.
    """

    mean: float
    spread: float
    alpha: float = ALPHA
    """Of the test to come."""

    @classmethod
    def of(cls, moments: Moments, alpha: float = ALPHA) -> "Plan":
        """Mean and standard deviation from the moments of one arm."""
        return cls(moments.mean, float((moments.variance_of_mean * moments.n) ** 0.5), alpha)

    def detectable(self, users: float, wanted: float = POWER) -> float:
        """Smallest detectable effect, in percent of the mean, with `users` in each of two arms.

        Infinite if there are too few for any, as a larger effect comes with a larger spread.
        """
        most = 1.0
        while self.power(most, users) < wanted:
            most *= 2
            if most > _BOUNDLESS:
                return math.inf
        root = optimize.brentq(lambda effect: self.power(effect, users) - wanted, 0, most)
        return float(root)

    def power(self, effect: float, users: float) -> float:
        """Power for a true effect, in percent of the mean, with `users` in each arm."""
        scale = 1 + effect / 100
        error = self.spread * math.sqrt((1 + scale**2) / users)
        return power(effect / 100 * self.mean, error, 2 * users - 2, self.alpha)

    def users(self, effect: float, wanted: float = POWER) -> float:
        """Users that each arm needs for an effect, in percent of the mean; 2 at least."""
        return _fewest(lambda users: self.power(effect, users), wanted)

    def guardrail(self, margin: float, users: float) -> float:
        """Power to show, with `users` in each arm, that it is not `margin` percent worse.

        For a true effect of 0; `margin` has the sign of the harmful direction.
        """
        error = self.spread * math.sqrt((1 + (1 + margin / 100) ** 2) / users)
        return power(margin / 100 * self.mean, error, 2 * users - 2, self.alpha)

    def guardrail_users(self, margin: float, wanted: float = POWER) -> float:
        """Users that each arm needs for that; 2 at least."""
        return _fewest(lambda users: self.guardrail(margin, users), wanted)


def _fewest(chance: Callable[[float], float], wanted: float) -> float:
    """Fewest users with the wanted power, which grows with them; 2 at least."""
    if chance(2) >= wanted:
        return 2.0
    most = 4.0
    while chance(most) < wanted:
        most *= 2
    return float(optimize.brentq(lambda users: chance(users) - wanted, 2, most))
