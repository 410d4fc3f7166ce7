"""Random numbers addressed by (seed, episode, draw): one stream per session, in batches.

A session must play out the same whatever batch, process or order it is played
in. NumPy Generators give that with one object per session, which costs about
ten steps of the engine to create; a counter-based generator gives it with
none: the numbers are a function of the counter alone.
"""

import numpy as np
from numpy.typing import NDArray

_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = 0x9E3779B9, 0xBB67AE85
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)

# Independent purposes within one session. What the listener draws does not
# depend on who recommends, so two recommenders meet the same listeners.
LISTENER, AGENT = 0, 1

Words = tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint64]]


def philox4x32(counter: Words, key: tuple[int, int]) -> Words:
    """Philox4x32-10 of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).

    `counter` is four arrays of 32-bit words held in uint64, `key` two 32-bit
    words; returns four arrays of 32-bit words.
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        p0, p1 = _M0 * c0, _M1 * c2
        c0, c1, c2, c3 = (
            (p1 >> _HALF) ^ c1 ^ np.uint64(k0),
            p1 & _LOW,
            (p0 >> _HALF) ^ c3 ^ np.uint64(k1),
            p0 & _LOW,
        )
        k0, k1 = (k0 + _W0) & 0xFFFFFFFF, (k1 + _W1) & 0xFFFFFFFF
    return c0, c1, c2, c3


class Streams:
    """The random streams of all sessions of one seed (0 <= seed < 2**64)."""

    def __init__(self, seed: int) -> None:
        if not 0 <= seed < 2**64:
            raise ValueError(f"seed {seed} is not in [0, 2**64)")
        self._key = (seed & 0xFFFFFFFF, seed >> 32)

    def uniforms(
        self, purpose: int, episodes: NDArray[np.int64], draws: NDArray[np.int64] | int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Two independent uniforms on [0, 1) for each (episode, draw); draw < 2**31."""
        episode = episodes.astype(np.uint64)
        draw = np.broadcast_to(np.asarray(draws, dtype=np.uint64), episode.shape)
        tagged = (draw << np.uint64(1)) | np.uint64(purpose)
        a, b, c, d = philox4x32(
            (tagged, np.zeros_like(episode), episode & _LOW, episode >> _HALF), self._key
        )
        return _double(a, b), _double(c, d)


def _double(high: NDArray[np.uint64], low: NDArray[np.uint64]) -> NDArray[np.float64]:
    """53 random bits of two 32-bit words as a float64 on [0, 1)."""
    bits = (high << np.uint64(21)) ^ (low >> np.uint64(11))
    return bits.astype(np.float64) * 2.0**-53


def pick(uniform: NDArray[np.float64], sizes: NDArray[np.int64] | int) -> NDArray[np.int64]:
    """Uniform integers in [0, sizes) from uniforms on [0, 1)."""
    return (uniform * sizes).astype(np.int64)
