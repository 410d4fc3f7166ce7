"""Adjusted p-values without statsmodels, whose function runs the garbage collector (0.1 s)."""

from collections.abc import Sequence

import numpy as np

from offline.experiment.metrics import Floats


def holm(ps: Sequence[float] | Floats) -> Floats:
    """p-values adjusted so that the chance of any false one is kept; shape (n,), also for n = 0.

    S. Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Stat. 6, 1979.
    """
    values = np.asarray(ps, np.float64)
    order = np.argsort(values, kind="stable")
    steps = values[order] * np.arange(len(values), 0, -1)
    found = np.empty(len(values))
    found[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return found
