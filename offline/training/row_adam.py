"""Adam for a table of which a step reads few rows."""

import numba
import numpy as np
import torch
from torch import Tensor

from offline.models.dae import Bag

_CHUNK = 64


class RowAdam:
    """Adam (Kingma and Ba, ICLR 2015) that leaves alone the rows without a gradient.

    Their moments do not decay meanwhile, as in torch's SparseAdam; a step costs as much as the
    rows that it touches, not as the table.
    """

    def __init__(
        self,
        table: Tensor,
        learning_rate: float,
        weight_decay: float,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
    ) -> None:
        self._table = table
        self._rate, self._decay = learning_rate, weight_decay
        self._betas, self._epsilon = betas, epsilon
        self.steps = torch.zeros(())
        self.mean = torch.zeros_like(table)
        self.square = torch.zeros_like(table)

    @torch.no_grad()
    def step(self, bag: Bag, gradient: Tensor) -> None:
        """Update the rows in the bag by the gradient of its weighted sums, (len(bag), columns)."""
        self.steps += 1
        if self._table.device.type == "cpu":
            self._update_in_one_pass(bag, gradient)
        else:
            self._update(bag, gradient)

    def _update_in_one_pass(self, bag: Bag, gradient: Tensor) -> None:
        """What `_update` does, row by row: each is read and written once, none is copied."""
        places = bag.places.numpy()
        order = np.argsort(places, kind="stable")
        ordered = places[order]
        starts = np.flatnonzero(np.diff(ordered, prepend=-1))
        _step_rows(
            ordered[starts],
            np.append(starts, len(order)),
            bag.owners.numpy()[order],
            bag.weights.numpy()[order],
            gradient.numpy(),
            self._table.detach().numpy(),
            self.mean.numpy(),
            self.square.numpy(),
            np.array(self._constants(), dtype=np.float32),
        )

    def _update(self, bag: Bag, gradient: Tensor) -> None:
        rows, where = torch.unique(bag.places, return_inverse=True)
        total = gradient.new_zeros(len(rows), gradient.shape[1])
        total.index_add_(0, where, gradient[bag.owners] * bag.weights[:, None])
        rate, decay, first, second, spread, epsilon = self._constants()
        values = self._table[rows]
        total += decay * values
        mean = self.mean[rows].lerp_(total, 1 - first)
        square = self.square[rows].lerp_(total.square(), 1 - second)
        self.mean[rows], self.square[rows] = mean, square
        values -= rate * mean / (square.mul(spread).sqrt_() + epsilon)
        self._table[rows] = values

    def _constants(self) -> tuple[float, ...]:
        """Rate, decay and betas, and what unbiases the moments, in the order that both use."""
        steps = int(self.steps)
        mean, square = (1 - beta**steps for beta in self._betas)
        return self._rate / mean, self._decay, *self._betas, 1 / square, self._epsilon


@numba.njit(parallel=True, fastmath=True, cache=True)
def _step_rows(  # type: ignore[no-untyped-def]
    rows, starts, owners, weights, gradient, table, mean, square, constants
):
    rate, decay, first, second, spread, epsilon = constants
    columns = table.shape[1]
    for chunk in numba.prange((len(rows) + _CHUNK - 1) // _CHUNK):
        total = np.empty(columns, dtype=np.float32)
        for place in range(chunk * _CHUNK, min(len(rows), (chunk + 1) * _CHUNK)):
            values, m, v = table[rows[place]], mean[rows[place]], square[rows[place]]
            for c in range(columns):
                total[c] = decay * values[c]
            for entry in range(starts[place], starts[place + 1]):
                weight, source = weights[entry], gradient[owners[entry]]
                for c in range(columns):
                    total[c] += weight * source[c]
            for c in range(columns):
                g = total[c]
                m[c] = first * m[c] + (np.float32(1) - first) * g
                v[c] = second * v[c] + (np.float32(1) - second) * g * g
                values[c] -= rate * m[c] / (np.sqrt(v[c] * spread) + epsilon)
