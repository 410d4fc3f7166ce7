"""The planted parts of ratings, how many each user gives, and what an oracle knows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

_ITEMS, _ACTIVITY = 1, 2
_NODES = 1 << 13
_ACTIVITY_SD = 1.0
_MEAN, _USER_SD, _ITEM_SD, _TASTE_SD = 3.5, 0.4, 0.5, 0.45
NOISE_SD = 0.8
"""As are the others, for a scale of 0.5 to 5; close to what is seen of MovieLens."""


@dataclass(frozen=True)
class Scale:
    """Ratings from `low` to `high` in steps."""

    low: float
    high: float
    step: float

    @property
    def values(self) -> NDArray[np.float64]:
        """All of them, lowest first."""
        count = round((self.high - self.low) / self.step) + 1
        return np.round(self.low + self.step * np.arange(count), 9)

    @property
    def unit(self) -> float:
        """How wide it is, where 0.5 to 5 is 1."""
        return (self.high - self.low) / 4.5


STARS = Scale(0.5, 5.0, 0.5)


@dataclass(frozen=True)
class Items:
    """The planted parts of items."""

    bias: NDArray[np.float64]
    factors: NDArray[np.float64]
    """(n_items, n_factors)"""
    weight: NDArray[np.float64]
    """How likely each is to be rated next; they sum to 1."""


def stream(seed: int, *place: int) -> np.random.Generator:
    """A random stream of its own for each place."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *place])))


def plant_items(seed: int, n_items: int, n_factors: int, scale: Scale, uniform: bool) -> Items:
    """Biases and factors of items, and a long tail of their popularity."""
    rng = stream(seed, _ITEMS)
    bias = rng.normal(0, _ITEM_SD * scale.unit, n_items)
    factors = rng.normal(0, factor_sd(n_factors, scale), (n_items, n_factors))
    weight = 1 / (1 + 0.01 * n_items + rng.permutation(n_items))
    if uniform:
        weight = np.ones(n_items)
    return Items(bias, factors, weight / weight.sum())


def factor_sd(n_factors: int, scale: Scale) -> float:
    """Of users' and of items' factors alike, so that their products differ by a fixed amount."""
    return float((_TASTE_SD * scale.unit) ** 0.5 / max(1, n_factors) ** 0.25)


def user_sd(scale: Scale) -> float:
    """Of the biases of users."""
    return _USER_SD * scale.unit


def planted_mean(scale: Scale) -> float:
    """Of ratings before they are rounded."""
    return scale.low + (_MEAN - 0.5) * scale.unit


def ratings_per_user(
    seed: int, n_users: int, n_items: int, n_ratings: int, uniform: bool
) -> NDArray[np.int32]:
    """How many items each user rates: log-normal, at least 1, at most all; exactly as many in all.

    Uniform: as many each, the first users one more where they do not divide.
    """
    if uniform:
        counts = np.full(n_users, n_ratings // n_users, np.int32)
        counts[: n_ratings % n_users] += 1
        return counts
    weight = np.exp(_ACTIVITY_SD * stream(seed, _ACTIVITY).standard_normal(n_users))
    low, high = 0.0, n_items / weight.min()
    for _ in range(60):
        middle = (low + high) / 2
        if np.clip(middle * weight, 1, n_items).sum() > n_ratings:
            high = middle
        else:
            low = middle
    counts = np.clip(np.rint(low * weight), 1, n_items).astype(np.int32)
    while missing := n_ratings - int(counts.sum()):
        step = 1 if missing > 0 else -1
        room = np.flatnonzero(counts < n_items if step > 0 else counts > 1)[: abs(missing)]
        counts[room] += step
    return counts


@dataclass(frozen=True)
class Oracle:
    """Mean and variance of a rating given what user and item give, on a grid of that."""

    start: float
    per_node: float
    mean: NDArray[np.float64]
    variance: NDArray[np.float64]


def make_oracle(scale: Scale, noise_sd: float) -> Oracle:
    """Of x + noise, rounded to the nearest value of the scale: mean and variance by x."""
    values = scale.values
    margin = 6 * noise_sd + scale.high - scale.low
    nodes = np.linspace(scale.low - margin, scale.high + margin, _NODES)
    edges = (values[1:] + values[:-1]) / 2
    below = ndtr((edges[None, :] - nodes[:, None]) / max(noise_sd, 1e-9))
    share = np.diff(below, axis=1, prepend=0.0, append=1.0)
    mean = share @ values
    variance = np.maximum(share @ values**2 - mean**2, 0.0)
    return Oracle(float(nodes[0]), float(1 / (nodes[1] - nodes[0])), mean, variance)


def alias_table(weight: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """To draw by weights in constant time (Walker, 1977; Vose, 1991): threshold and alias."""
    n = len(weight)
    scaled = weight / weight.sum() * n
    threshold, alias = np.ones(n), np.arange(n)
    small = [int(i) for i in np.flatnonzero(scaled < 1)]
    large = [int(i) for i in np.flatnonzero(scaled >= 1)]
    while small and large:
        less, more = small.pop(), large[-1]
        threshold[less], alias[less] = scaled[less], more
        scaled[more] -= 1 - scaled[less]
        if scaled[more] < 1:
            small.append(large.pop())
    return threshold, alias
