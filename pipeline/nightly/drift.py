"""How far two samples of numbers are apart."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Numbers: TypeAlias = npt.NDArray[np.float64]


def psi(reference: Numbers, sample: Numbers, bins: int = 10) -> float:
    """Population stability index: sum of (p - q) ln(p / q) over bins.

    Edges are the reference's distinct quantiles, with open outer bins; what is no number has a
    bin of its own; half a row is added to each bin, so that none is empty.

    >>> psi(np.arange(100.0), np.arange(100.0))
    0.0
    """
    known = reference[~np.isnan(reference)]
    inner = np.linspace(0, 1, bins + 1)[1:-1]
    edges = np.unique(np.quantile(known, inner)) if len(known) else np.empty(0)
    found = []
    for values in (reference, sample):
        numbers = values[~np.isnan(values)]
        rows = np.bincount(np.searchsorted(edges, numbers, "left"), minlength=len(edges) + 1)
        counts = np.append(rows, len(values) - len(numbers)) + 0.5
        found.append(counts / counts.sum())
    p, q = found
    return float(np.sum((p - q) * np.log(p / q)))


def ks(reference: Numbers, sample: Numbers) -> float:
    """D of Kolmogorov and Smirnov: the largest distance of the distribution functions, 0 to 1.

    >>> ks(np.array([0.0, 1.0]), np.array([2.0, 3.0]))
    1.0
    """
    first, second = np.sort(reference), np.sort(sample)
    if not len(first) or not len(second):
        return float(len(first) != len(second))
    every = np.concatenate([first, second])
    of_first = np.searchsorted(first, every, "right") / len(first)
    of_second = np.searchsorted(second, every, "right") / len(second)
    return float(np.max(np.abs(of_first - of_second)))
