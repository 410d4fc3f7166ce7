"""The users of a step and their dropped tracks: functions of seed, epoch and step."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from offline.data.matrix import InteractionMatrix
from offline.options import TrainOptions

# Spawn keys of the streams that belong to an epoch or a step; 0 to 2 are the run's own.
_ORDER, _NOISE = 3, 4


class Batch(NamedTuple):
    """The users of a step."""

    rows: sparse.csr_matrix
    keep: npt.NDArray[np.float32]
    """A weight for each entry of `rows`: 0 where it is hidden, 1 / (1 - dropout) elsewhere."""


class Batches:
    """The steps of an epoch. Nothing is carried over: any step can be made again."""

    def __init__(self, histories: InteractionMatrix, options: TrainOptions) -> None:
        self._histories = histories
        self._options = options
        self.users = np.flatnonzero(histories.sizes)

    @property
    def per_epoch(self) -> int:
        """Number of steps in an epoch."""
        return -(-len(self.users) // self._options.batch_size)

    def order(self, epoch: int) -> npt.NDArray[np.int64]:
        """The epoch's order of the users that have something to learn from."""
        return self._stream(_ORDER, epoch).permutation(self.users)

    def batch(self, order: npt.NDArray[np.int64], epoch: int, step: int) -> Batch:
        """Step `step` of an epoch, from 0; `order` is that of the epoch."""
        size, rate = self._options.batch_size, self._options.dropout
        rows = self._histories.take(order[step * size : (step + 1) * size])
        drawn = self._stream(_NOISE, epoch, step).random(rows.nnz, dtype=np.float32)
        return Batch(rows, (drawn >= rate).astype(np.float32) / np.float32(1 - rate))

    def _stream(self, *key: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(self._options.seed, spawn_key=key))
