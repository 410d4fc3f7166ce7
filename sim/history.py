"""Looks things up in the plays of one session."""

import numpy as np
from numpy.typing import NDArray

from sim.jit import compiled


@compiled
def times(values: NDArray[np.int32], n: int, value: int) -> int:
    """How many of the first n `values` are `value`."""
    found = 0
    for i in range(n):  # without a way out: the compiler makes a few wide steps of it
        found += values[i] == value
    return found


@compiled
def played(history: NDArray[np.int32], n: int, track: int) -> bool:
    """Whether the track is among the first n of `history`."""
    return times(history, n, track) > 0
