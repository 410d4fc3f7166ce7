"""Looks values up among the plays of one session."""

import numpy as np
from numpy.typing import NDArray

from sim.jit import compiled


@compiled
def count(values: NDArray[np.int32], n: int, value: int) -> int:
    """How many of the first n `values` equal `value`."""
    total = 0
    for i in range(n):  # no early exit, so that the compiler can use wide instructions
        total += values[i] == value
    return total


@compiled
def contains(values: NDArray[np.int32], n: int, value: int) -> bool:
    """Whether `value` is among the first n `values`."""
    return count(values, n, value) > 0
