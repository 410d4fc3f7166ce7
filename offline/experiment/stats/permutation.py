"""The test for small and uneven arms: users are dealt out again, and the statistic studentised.

A. Janssen, "Studentized permutation tests for non-i.i.d. hypotheses and the generalized
Behrens-Fisher problem", Statistics & Probability Letters 36, 1997; E. Chung, J. Romano, "Exact and
asymptotically robust permutation tests", Ann. Stat. 41, 2013: exact where the arms do not differ
at all, and right in large samples where only their means agree.

The interval of a relative effect has every ratio r that the test does not reject with the control
multiplied by r. As all sums are polynomials in r, each r costs no more than a pass over the draws.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import sparse

from offline.experiment.metrics import Floats
from offline.experiment.stats.effects import ALPHA, NO_SPREAD
from offline.experiment.stats.sample import Sample, skewness

FEWEST = 5
"""Fewest users of each arm for a test: 5 against 5 have 252 permutations."""
SMALL = 50
"""With fewer users in an arm the permutation test is always used."""
LEAST_PER_SKEWNESS = 355.0
"""Users per squared skewness that a mean needs to be as good as normal (R. Kohavi, A. Deng,
R. Longbotham, Y. Xu, "Seven Rules of Thumb for Web Site Experimenters", KDD 2014)."""
MOST = 20_000
"""Users of the smaller arm above which the test is not made: it would take minutes."""
DRAWS = 4_998
"""One less than a round number: no tail is 2.5 % to the digit."""
_BELOW = 6
_HEAVY, _HEAVIER = 10, 5.0
"""At most this number of users whose denominators are at least this multiple of the mean: their
leverage enters the statistic of a ratio."""
_FEWER_DRAWS, _MANY = 1_998, 2_000
_CHUNK, _KEPT = 4_000_000, 1_000_000
_STEPS, _DOUBLINGS = 60, 40
_SHUFFLED = 200
"""Up to this number of users, shuffling all of them is faster than choosing a few."""


@dataclass(frozen=True)
class Permuted:
    """The result of a permutation test; the interval is in percent of the control mean."""

    p: float
    """Two-sided."""
    relative: tuple[float, float] | None
    """None where the control could be 0."""


def is_small(control: Sample, treated: Sample) -> bool:
    """Whether normal theory cannot be trusted with these two arms.

    The rule of 355 × skewness² users is for one mean. In the difference of two the skewnesses
    cancel to the extent that the arms are equally large: the remainder is
    skewness × |n − m| / sqrt(n m (n + m)), which for a small arm beside a large one is the rule.
    """
    n, m = control.n, treated.n
    if min(n, m) < FEWEST or min(n, m) > MOST:
        return False
    if min(n, m) < SMALL:
        return True
    left = abs(skewness(control, treated)) * abs(n - m) / math.sqrt(n * m * (n + m))
    return left > 1 / math.sqrt(LEAST_PER_SKEWNESS)


def permute(
    control: Sample,
    treated: Sample,
    seed: int,
    draws: int | None = None,
    interval: bool = True,
    alpha: float = ALPHA,
) -> Permuted:
    """Test two arms with FEWEST users or more each; the interval is left out where not wanted.

    Users are dealt out by the sizes of the arms, those without a value too. The same seed deals
    users of the same arms in the same way, whatever the metric.
    """
    columns = np.concatenate([_columns(control, 0), _columns(treated, 3)])
    heavy = np.empty(0, np.int64)
    if not (control.is_mean and treated.is_mean):
        below = columns[:, _BELOW]
        heavy = np.argsort(-below, kind="stable")[:_HEAVY]
        heavy = heavy[below[heavy] > _HEAVIER * below.mean()]
    marks = np.zeros((len(columns), len(heavy)))
    marks[heavy, np.arange(len(heavy))] = 1
    columns = np.concatenate([columns, marks], axis=1)
    sums = _dealt(columns, len(control.below), seed, draws)
    was = control.moments.mean
    arms = np.ascontiguousarray(sums.T), np.ascontiguousarray((columns.sum(axis=0) - sums).T)
    test = _Test(arms, columns[heavy], -1.0 if was < 0 else 1.0, alpha / 2)
    ratio = treated.moments.mean / was if was and interval else math.nan
    return Permuted(test.p(), test.interval(ratio))


def _columns(arm: Sample, place: int) -> Floats:
    """Columns whose sums over users suffice for the test, whatever the control's factor is.

    Shape (n, 9): above, above × below and above² of the control, or where `place` is 3 of the
    treated arm, in their own columns; then below, below², and 1 for a user with a value.
    """
    found = np.zeros((len(arm.below), 9))
    found[:, place] = arm.above
    found[:, place + 1] = arm.above * arm.below
    found[:, place + 2] = arm.above**2
    found[:, 6], found[:, 7], found[:, 8] = arm.below, arm.below**2, arm.below != 0
    return found


def _dealt(columns: Floats, n: int, seed: int, draws: int | None) -> Floats:
    """Sums over the treated arm, all but the first n rows: as seen, then per draw; (draws + 1, k).

    Only the smaller arm is drawn: the other one has the rest.
    """
    m = len(columns) - n
    few = min(n, m)
    if draws is None:
        draws = DRAWS if few <= _MANY else _FEWER_DRAWS
    total = columns.sum(axis=0)
    found = np.empty((draws + 1, columns.shape[1]))
    found[0] = columns[n:].sum(axis=0)
    low = 1
    for picked in _deals(n + m, few, draws, seed):
        sums = picked @ columns
        found[low : low + len(sums)] = sums if m <= n else total - sums
        low += len(sums)
    return found


def _deals(users: int, few: int, draws: int, seed: int) -> Iterator[sparse.csr_matrix]:
    """Matrices with a row per draw and a 1 for each user drawn, of shape (some draws, users)."""
    if draws * few <= _KEPT:
        yield _kept(users, few, draws, seed)
        return
    rng, step = np.random.default_rng(seed), max(1, _CHUNK // few)
    for low in range(0, draws, step):
        yield _deal(rng, users, few, min(step, draws - low))


@lru_cache(maxsize=2)
def _kept(users: int, few: int, draws: int, seed: int) -> sparse.csr_matrix:
    """All metrics of small arms share the draws, which take most of the time."""
    return _deal(np.random.default_rng(seed), users, few, draws)


def _deal(rng: np.random.Generator, users: int, few: int, draws: int) -> sparse.csr_matrix:
    if users <= _SHUFFLED:
        every = np.broadcast_to(np.arange(users), (draws, users))
        chosen = rng.permuted(every, axis=1)[:, :few].ravel()
    else:
        chosen = np.concatenate(
            [rng.choice(users, few, replace=False, shuffle=False) for _ in range(draws)]
        )
    starts = np.arange(0, few * draws + 1, few)
    return sparse.csr_matrix((np.ones(len(chosen)), chosen, starts), (draws, users))


@dataclass(frozen=True, eq=False)
class _Test:
    """The draws of one metric."""

    arms: tuple[Floats, Floats]
    """Sums over the treated arm and over the control, shape (9 + users in `heavy`, draws + 1).

    The last rows are 1 where such a user is in the arm."""
    heavy: Floats
    """Rows of the users with most leverage."""
    sign: float
    """-1 where the control is below 0: percentages are of its size."""
    tail: float

    def statistic(self, ratio: float) -> Floats:
        """Welch's t of treated − ratio × control in every draw; for sums, by the delta method.

        The users with most leverage have HC3 residuals, as in `Sample.moments`.
        """
        (treated, variance), (control, other) = (self._value(arm, ratio) for arm in self.arms)
        difference = treated - control
        size = np.abs(treated) + np.abs(control)
        difference[np.abs(difference) <= NO_SPREAD * size] = 0.0
        with np.errstate(all="ignore"):
            found: Floats = difference / np.sqrt(variance + other)
        found[np.isnan(found)] = 0.0  # two equal constants, or an arm with no value, or with one
        return found

    def _value(self, arm: Floats, ratio: float) -> tuple[Floats, Floats]:
        """Of an arm, where the control is multiplied by `ratio`, and its variance; per draw."""
        below, below_square, count = arm[_BELOW], arm[_BELOW + 1], arm[_BELOW + 2]
        above = self.sign * (ratio * arm[0] + arm[3])
        cross = self.sign * (ratio * arm[1] + arm[4])
        square = ratio**2 * arm[2] + arm[5]
        with np.errstate(all="ignore"):
            value = above / below
            residual = square - 2 * value * cross + value**2 * below_square
            residual[residual <= 1e-13 * square] = 0.0
            for user, inside in zip(self.heavy, arm[9:], strict=True):
                left = self.sign * (ratio * user[0] + user[3]) - value * user[_BELOW]
                pull = 1 / (1 - user[_BELOW] / below) ** 2 - 1
                residual += np.where(inside > 0, left**2 * pull, 0.0)
            variance: Floats = residual / below**2 * count / (count - 1)
        return value, variance

    def tails(self, ratio: float) -> tuple[float, float]:
        """Shares of the draws, the observation included, at most and at least as large as it."""
        found = self.statistic(ratio)
        seen = found[0]
        slack = 1e-9 * abs(seen) if math.isfinite(seen) else 0.0
        return float((found <= seen + slack).mean()), float((found >= seen - slack).mean())

    def p(self) -> float:
        """Two-sided: twice the tail on the side of the observed value."""
        below, above = self.tails(1.0)
        return min(1.0, 2 * (above if self.statistic(1.0)[0] > 0 else below))

    def interval(self, ratio: float) -> tuple[float, float] | None:
        """Percent; it excludes 0 exactly where p is below alpha. None where it has no end."""
        if math.isnan(ratio):
            return None
        ends = []
        for tail, direction in ((1, -1.0), (0, 1.0)):
            end = self._end(ratio, direction, tail)
            if end is None:
                return None
            ends.append(100 * (end - 1))
        return (ends[0], ends[1]) if self.sign > 0 else (-ends[1], -ends[0])

    def _end(self, ratio: float, direction: float, tail: int) -> float | None:
        """The farthest ratio in this direction that is not rejected; None if none is rejected."""

        def inside(some: float) -> bool:
            return self.tails(some)[tail] >= self.tail

        within, beyond = ratio, math.nan
        if (1 - ratio) * direction > 0:  # the interval and the test agree on no effect
            within, beyond = (1.0, math.nan) if inside(1.0) else (ratio, 1.0)
        step = 0.1 * max(abs(ratio), 0.1)
        for _ in range(_DOUBLINGS):
            if not math.isnan(beyond):
                break
            if inside(within + direction * step):
                within, step = within + direction * step, 2 * step
            else:
                beyond = within + direction * step
        else:
            return None
        for _ in range(_STEPS):
            middle = (within + beyond) / 2
            within, beyond = (middle, beyond) if inside(middle) else (within, middle)
            if abs(beyond - within) <= 1e-7 * max(1.0, abs(beyond)):
                break
        return within
