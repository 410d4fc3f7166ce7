"""Random numbers addressed by (seed, episode, draw): one stream per session.

A session must have the same outcome in any batch, process or order. NumPy
Generators would need one object per session, which costs more to create than
the session takes; the numbers of a counter-based generator are a function of
the counter alone.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.jit import compiled

# Independent purposes within one session. What the listener draws does not
# depend on who recommends, so two recommenders meet the same listeners.
LISTENER, AGENT = 0, 1

_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_ONE, _ELEVEN, _TWENTY_ONE = np.uint64(1), np.uint64(11), np.uint64(21)


class Key(NamedTuple):
    """A seed for compiled functions: its low and high 32 bits."""

    low: np.uint64
    high: np.uint64


@compiled
def philox4x32(
    c0: np.uint64, c1: np.uint64, c2: np.uint64, c3: np.uint64, k0: np.uint64, k1: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """Philox4x32-10 of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).

    Counter, key and result are 32-bit words held in uint64.
    """
    for _ in range(10):
        p0, p1 = _M0 * c0, _M1 * c2
        c0, c1, c2, c3 = (p1 >> _HALF) ^ c1 ^ k0, p1 & _LOW, (p0 >> _HALF) ^ c3 ^ k1, p0 & _LOW
        k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    return c0, c1, c2, c3


@compiled
def uniforms(key: Key, purpose: int, episode: int, draw: int) -> tuple[float, float]:
    """Two independent uniforms on [0, 1), 53 bits each; draw < 2**31."""
    number = np.uint64(episode)
    a, b, c, d = philox4x32(
        (np.uint64(draw) << _ONE) | np.uint64(purpose),
        np.uint64(0),
        number & _LOW,
        number >> _HALF,
        key.low,
        key.high,
    )
    first = (a << _TWENTY_ONE) ^ (b >> _ELEVEN)
    second = (c << _TWENTY_ONE) ^ (d >> _ELEVEN)
    return np.float64(first) * 2.0**-53, np.float64(second) * 2.0**-53


@compiled
def _uniforms(
    key: Key, purpose: int, episodes: NDArray[np.int64], draws: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    first, second = np.empty(len(episodes)), np.empty(len(episodes))
    for i in range(len(episodes)):
        first[i], second[i] = uniforms(key, purpose, episodes[i], draws[i])
    return first, second


class Streams:
    """The random streams of all sessions of one seed.

    Parameters
    ----------
    seed : int
        0 <= seed < 2**64.

    Raises
    ------
    ValueError
        If the seed is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from sim import Streams
    >>> first, second = Streams(1).uniforms(0, np.arange(3), 0)
    >>> again, _ = Streams(1).uniforms(0, np.array([2]), 0)
    >>> bool(again[0] == first[2])
    True
    """

    def __init__(self, seed: int) -> None:
        if not 0 <= seed < 2**64:
            raise ValueError(f"seed {seed} is not in [0, 2**64)")
        self.key = Key(np.uint64(seed & 0xFFFFFFFF), np.uint64(seed >> 32))

    def uniforms(
        self, purpose: int, episodes: NDArray[np.int64], draws: NDArray[np.int64] | int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Two independent uniform numbers for each (episode, draw).

        Parameters
        ----------
        purpose : int
            LISTENER (0) or AGENT (1).
        episodes : int64 array, shape (n,)
        draws : int or int64 array, shape (n,)
            Numbers of the draws within the sessions; below 2**31.

        Returns
        -------
        first, second : float64 arrays, shape (n,)
            In [0, 1).
        """
        each = np.zeros(len(episodes), dtype=np.int64) + draws
        return _uniforms(self.key, purpose, np.asarray(episodes, dtype=np.int64), each)


def pick(uniform: NDArray[np.float64], sizes: NDArray[np.int64] | int) -> NDArray[np.int64]:
    """Uniform integers in [0, sizes) from uniforms on [0, 1)."""
    return (uniform * sizes).astype(np.int64)
