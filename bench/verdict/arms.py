"""Arms of users drawn by a rule, for tests with a known true effect."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from offline.experiment.stats.sample import Sample

Floats = NDArray[np.float64]
Arms = tuple[Sample, Sample]
Draw = Callable[[np.random.Generator, int], tuple[Floats, Floats]]
"""Numerators and denominators of this number of users."""


def split(
    rng: np.random.Generator, draw: Draw, n: int, m: int, effect: float = 1.0, by_lot: bool = False
) -> Arms:
    """n users against m, or by lot where each user is in the second with chance m / (n + m).

    `effect` multiplies the numerators of the second arm.
    """
    above, below = draw(rng, n + m)
    mine = np.arange(n + m) >= n
    if by_lot:
        mine = rng.random(n + m) < m / (n + m)
    return (
        Sample(above[~mine], below[~mine]),
        Sample(effect * above[mine], below[mine]),
    )


def mean(values: Callable[[np.random.Generator, int], Floats]) -> Draw:
    """Users with one value each."""
    return lambda rng, n: (values(rng, n), np.ones(n))


def lognormal(rng: np.random.Generator, n: int) -> Floats:
    return rng.lognormal(0, 1, n)


def rare(rng: np.random.Generator, n: int) -> Floats:
    """93 of 100 have nothing."""
    return rng.exponential(1, n) * (rng.random(n) < 0.07)


def negative(rng: np.random.Generator, n: int) -> Floats:
    return -rng.gamma(2, 1, n)


def constant(rng: np.random.Generator, n: int) -> Floats:
    return np.full(n, 3.0)


def _counts(rng: np.random.Generator, n: int) -> Floats:
    """Sessions of each ordinary user."""
    return rng.poisson(4, n).astype(np.float64) + 1


def sessions(rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
    """Tracks and sessions of ordinary users, each with a taste of their own."""
    count = _counts(rng, n)
    return _tracks(rng, count), count


def one_bot(rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
    """One of them has 5,000 sessions."""
    count = _counts(rng, n)
    count[rng.integers(n)] = 5000
    return _tracks(rng, count), count


def pareto(rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
    """Sessions with a tail so long that their variance is infinite."""
    count = np.floor(1 + rng.pareto(1.2, n))
    return _tracks(rng, count), count


def one_or_none(rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
    """Denominators are mostly 1 or 0, with a few that are 2."""
    count = rng.choice([0.0, 1.0, 2.0], n, p=[0.3, 0.65, 0.05])
    return _tracks(rng, count), count


def _tracks(rng: np.random.Generator, count: Floats) -> Floats:
    taste = rng.gamma(4, 1.5, len(count))
    return rng.poisson(taste * count).astype(np.float64)


def with_past(rng: np.random.Generator, draw: Draw, n: int, m: int) -> Arms:
    """The same, each user with a past: three quarters of the value, and chance."""
    above, below = draw(rng, n + m)
    value = np.divide(above, below, out=np.zeros(n + m), where=below > 0)
    past = 0.75 * value + rng.normal(0, 0.3 * value.std(), n + m)
    past[rng.random(n + m) < 0.1] = np.nan
    return Sample(above[:n], below[:n], past[:n]), Sample(above[n:], below[n:], past[n:])
