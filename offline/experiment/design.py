"""The design of a test: shares of its arms, several treatments, CUPED, users by day."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from offline.errors import InputError
from offline.experiment.aggregates.summary import Aggregates
from offline.experiment.metrics import Floats, Metric, contributions
from offline.experiment.stats.power import POWER, Plan, power
from offline.experiment.stats.sample import Sample

DAY = 86_400_000
"""In ms."""
_FEWEST_KNOWN = 20
_MOST_USERS, _BOUNDLESS = 1e12, 1e6


@dataclass(frozen=True)
class Design:
    """A planned experiment; numbers of users are totals over all arms."""

    plan: Plan
    shares: tuple[float, ...] = (0.5, 0.5)
    """Of the users: the control's, then the treatments'; they sum to 1."""
    reduction: float = 0.0
    """Share of the variance that CUPED removes."""

    @property
    def alpha(self) -> float:
        """Of one treatment: the smallest under Holm's adjustment, plan.alpha / treatments."""
        return self.plan.alpha / (len(self.shares) - 1)

    def arms(self, users: float) -> tuple[float, ...]:
        """Users of each arm."""
        return tuple(users * share for share in self.shares)

    def power(self, effect: float, users: float, alpha: float | None = None) -> float:
        """Power for a true effect, in percent of the mean, of the smallest treatment.

        The standard deviation is assumed to grow with the mean, as in `Plan`. If several
        treatments have an effect, power is larger.
        """
        control, treated = self.shares[0] * users, min(self.shares[1:]) * users
        variance = self.plan.spread**2 * (1 - self.reduction)
        if variance <= 1e-12 * self.plan.spread**2:  # the past explains all of the variance
            return 1.0
        arms = variance / control, (1 + effect / 100) ** 2 * variance / treated
        degrees = sum(arms) ** 2 / (
            arms[0] ** 2 / max(control - 1, 1) + arms[1] ** 2 / max(treated - 1, 1)
        )
        difference = effect / 100 * self.plan.mean
        return power(difference, math.sqrt(sum(arms)), degrees, alpha or self.alpha)

    def users(self, effect: float, wanted: float = POWER) -> float:
        """Users needed to detect an effect; at least two in each arm."""
        return self._least(lambda users: self.power(effect, users), wanted)

    def detectable(self, users: float, wanted: float = POWER) -> float:
        """The smallest detectable effect, in percent of the mean; infinite if there is none."""
        most = 1.0
        while self.power(most, users) < wanted:
            most *= 2
            if most > _BOUNDLESS:
                return math.inf
        return float(optimize.brentq(lambda effect: self.power(effect, users) - wanted, 0, most))

    def guardrail_users(self, margin: float, wanted: float = POWER) -> float:
        """Users needed to show that nothing is `margin` percent worse (signed) if nothing is."""
        return self._least(lambda users: self.guardrail(margin, users), wanted)

    def guardrail(self, margin: float, users: float) -> float:
        """Power to show that; each treatment has its own guardrails, at alpha / 2."""
        return self.power(margin, users, self.plan.alpha)

    def _least(self, chance: Callable[[float], float], wanted: float) -> float:
        least = 2 / min(self.shares)
        if chance(least) >= wanted:
            return least
        most = 2 * least
        while chance(most) < wanted:
            most *= 2
            if most > _MOST_USERS:
                return math.inf
        return float(optimize.brentq(lambda users: chance(users) - wanted, least, most))


def parse_split(text: str | None, arms: int | None) -> tuple[float, ...]:
    """`90/10` or `80/10/10`, the control first; or `arms` equal ones. Raises InputError."""
    if text is None:
        return (1 / (arms or 2),) * (arms or 2)
    try:
        parts = [float(part) for part in text.split("/")]
    except ValueError:
        parts = []
    if len(parts) < 2 or not all(0 < part < math.inf for part in parts):
        raise InputError(f"--split {text}: it must be like 90/10, the control first")
    if arms is not None and arms != len(parts):
        raise InputError(f"--split {text} has {len(parts)} arms, but --arms says {arms}")
    return tuple(part / sum(parts) for part in parts)


@dataclass(frozen=True)
class Reduction:
    """Variance reduction by CUPED, estimated from a log."""

    variance: float
    """Share of the variance."""
    known: float
    """Share of the users with data from an earlier period."""


def variance_reduction(during: Aggregates, before: Aggregates, metric: Metric) -> Reduction:
    """Of a metric in one log, by the same metric of the same users in an earlier one.

    1 − var(y − θ (x − mean(x))) / var(y), θ = cov(x, y) / var(x); values of users without a past
    are not adjusted. Raises InputError if the past explains nothing.
    """
    values = Sample(*metric.sums(during.users)).contributions
    rows = before.users.set_index("user_id").reindex(during.users["user_id"])
    past = contributions(*metric.sums(rows))
    past = np.where(rows["lines"].isna(), np.nan, past)[~np.isnan(values)]
    return reduction_of(values[~np.isnan(values)], past)


def reduction_of(y: Floats, x: Floats) -> Reduction:
    """The same from arrays of shape (n,); x is NaN for users without a past."""
    known = ~np.isnan(x)
    if known.sum() < _FEWEST_KNOWN or not np.var(x[known]) > 0 or not np.var(y) > 0:
        raise InputError(
            f"CUPED cannot be planned with: {int(known.sum()):,} users have a value before, and "
            f"it takes {_FEWEST_KNOWN} who differ"
        )
    centred = np.where(known, x - x[known].mean(), 0.0)
    theta = float(centred @ (y - y[known].mean())) / float(centred @ centred)
    left = float(np.var(y - theta * centred)) / float(np.var(y))
    return Reduction(max(1 - left, 0.0), float(known.mean()))


@dataclass(frozen=True)
class Growth:
    """Cumulative number of users by the end of each day of a log."""

    seen: tuple[int, ...]

    @classmethod
    def of(cls, new: Sequence[int]) -> "Growth":
        """From the new users of each day. Raises InputError for a log of one day."""
        if len(new) < 2:
            raise InputError("--days needs a log of two days or more, to see how users come")
        return cls(tuple(np.cumsum(new).tolist()))

    @property
    def rate(self) -> float:
        """New users a day in the later half of the log; extrapolated beyond its end."""
        half = len(self.seen) // 2
        return (self.seen[-1] - self.seen[half - 1]) / (len(self.seen) - half)

    def users(self, days: int) -> float:
        """Users after this number of days; they grow by `rate` beyond the log's end."""
        if days <= len(self.seen):
            return float(self.seen[days - 1])
        return self.seen[-1] + (days - len(self.seen)) * self.rate

    def days(self, users: float) -> int | None:
        """Days until this number of users; None if it is never reached."""
        for day, seen in enumerate(self.seen, 1):
            if seen >= users:
                return day
        if not self.rate > 0 or math.isinf(users):
            return None
        return len(self.seen) + math.ceil((users - self.seen[-1]) / self.rate)
