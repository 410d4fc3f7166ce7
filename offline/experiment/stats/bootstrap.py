"""The bootstrap over users: a second opinion on every interval, and the only one on a quantile.

Each resample gives every user a Poisson(1) weight (N. Chamandy, O. Muralidharan, A. Najmi,
S. Naidu, "Estimating Uncertainty for Massive Data Streams", Google, 2012); intervals are the
percentiles of the ratio of both arms (B. Efron, 1979).
"""

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
import pandas as pd

from offline.experiment.metrics import Floats
from offline.experiment.stats.effects import ALPHA

DRAWS = 1000
_MOST_WEIGHTS = 200_000_000
_CHUNK = 4_000_000
_FEWEST_DRAWS = 200
FEWEST = 100
"""Users of an arm: of fewer, the resamples vary less than the users do."""
BIN = 0.005
"""Width of a latency's bin, as latencies.sql has it: 0.5 %."""
_SIZE = 1 << 16


@cache
def _poisson_table() -> Floats:
    """Values in proportion to their Poisson(1) probabilities, in 65,536 places; mean and variance
    are exactly 1."""
    values = np.arange(9)
    counts = np.array([round(_SIZE / math.e / math.factorial(value)) for value in range(9)])
    first, second = (_SIZE * moment - values[3:] ** moment @ counts[3:] for moment in (1, 2))
    counts[2] = (second - first) // 2
    counts[1] = first - 2 * counts[2]
    counts[0] = _SIZE - counts[1:].sum()
    return np.repeat(values.astype(np.float64), counts)


def poisson_weights(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Draws of Poisson(1), each probability to 1 / 65,536: by table, nine times as fast."""
    return np.take(_poisson_table(), rng.integers(0, _SIZE, shape, dtype=np.uint16))


def resampled_ratios(
    sums: Sequence[tuple[Floats, Floats]], rng: np.random.Generator, draws: int = DRAWS
) -> Floats:
    """Ratio of sums of each metric in each resample of the same users; shape (draws, metrics).

    `sums` has a numerator and a denominator per metric, each of shape (n_users,). NaN where a
    resample has no denominator. Over a million users there are fewer draws, down to 200.
    """
    n = len(sums[0][0])
    draws = min(draws, max(_FEWEST_DRAWS, _MOST_WEIGHTS // max(n, 1)))
    columns = np.column_stack([column for pair in sums for column in pair])
    found = np.empty((draws, columns.shape[1]))
    step = max(1, _CHUNK // max(n, 1))
    for low in range(0, draws, step):
        found[low : low + step] = poisson_weights(rng, (min(step, draws - low), n)) @ columns
    below = found[:, 1::2]
    ratios: Floats = np.divide(
        found[:, ::2], below, out=np.full_like(below, np.nan), where=below > 0
    )
    return ratios


def percentile_interval(
    control: Floats, treated: Floats, alpha: float = ALPHA
) -> tuple[float, float] | None:
    """Interval of 100 × (treated / control − 1) from resamples of both arms, shape (draws,).

    None where a resample of the control is 0 or has no value.
    """
    n = min(len(control), len(treated))
    if not n or not (control[:n] > 0).all() or np.isnan(treated[:n]).any():
        return None
    tail = 50 * alpha
    low, high = np.percentile(100 * (treated[:n] / control[:n] - 1), [tail, 100 - tail])
    return float(low), float(high)


def bootstrap_p(control: Floats, treated: Floats) -> float | None:
    """Two-sided: twice the share of resamples on the other side of no effect, ties included.

    It agrees with `percentile_interval` but for the number of draws, which it is never smaller
    than. None where that interval is undefined.
    """
    n = min(len(control), len(treated))
    if percentile_interval(control, treated) is None:
        return None
    apart = treated[:n] - control[:n]
    rarer = min(int((apart <= 0).sum()), int((apart >= 0).sum()))
    return min(1.0, 2 * (rarer + 1) / (n + 1))


class Latencies:
    """Requests of a treatment by bin of latency, for each block of its users."""

    def __init__(self, rows: pd.DataFrame) -> None:
        """`rows` as in `Aggregates.latencies`, of one treatment."""
        bins = rows["bin"].to_numpy(np.float64, na_value=np.nan)
        known = bins[~np.isnan(bins)]
        self._lowest = int(known.min()) if len(known) else 0
        places = np.where(np.isnan(bins), 0, bins - self._lowest + 1).astype(np.int64)
        blocks, _ = pd.factorize(rows["block"])
        shape = (blocks.max(initial=-1) + 1, places.max(initial=-1) + 1)
        self._counts = np.zeros(shape)
        np.add.at(self._counts, (blocks, places), rows["requests"].to_numpy(np.float64))

    @property
    def blocks(self) -> int:
        """Number of blocks of users, which are resampled whole."""
        return len(self._counts)

    def quantile(self, share: float) -> float:
        """The quantile in seconds, to half a percent."""
        return float(self._of(np.ones((1, self.blocks)), share)[0])

    def resampled(self, share: float, rng: np.random.Generator, draws: int = DRAWS) -> Floats:
        """The quantile in each resample of blocks; shape (draws,)."""
        return self._of(poisson_weights(rng, (draws, self.blocks)), share)

    def _of(self, weights: Floats, share: float) -> Floats:
        up_to = np.cumsum(weights @ self._counts, axis=1)
        total = up_to[:, -1:]
        place = (up_to < share * total).sum(axis=1)
        # The first place is for 0 s; every other bin is represented by its middle.
        seconds: Floats = np.where(place == 0, 0.0, np.exp((place - 1 + self._lowest + 0.5) * BIN))
        return np.where(total[:, 0] > 0, seconds, np.nan)
