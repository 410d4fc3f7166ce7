"""Adam, for layers of which each step needs all, and for one of which it needs few rows."""

import numba
import numpy as np
import torch
from torch import Tensor

from offline.jit import compiled
from offline.models.dae.network import DAE, RaggedBatch
from offline.options import TrainOptions

_EPSILON = 1e-8
_BETAS = 0.9, 0.999
_ROWS = ("steps", "square", "touched")
_CHUNK = 64


class Optimizer:
    """RowAdam for an autoencoder's first layer, torch's fused Adam for the others."""

    def __init__(self, model: DAE, options: TrainOptions) -> None:
        self.dense = [p for name, p in model.named_parameters() if name != "first"]
        rate, decay = options.learning_rate, options.weight_decay
        self._rows = RowAdam(model.first, rate, decay, _BETAS[1], _EPSILON)
        self._adam = torch.optim.Adam(
            self.dense, lr=rate, betas=_BETAS, eps=_EPSILON, weight_decay=decay, fused=True
        )

    def step(self, ragged: RaggedBatch, gradient: Tensor) -> None:
        """Use the gradients of the dense layers, and that of the batch's sums over the first."""
        self._rows.step(ragged, gradient)
        self._adam.step()

    def state(self) -> dict[str, Tensor]:
        """All moments and counts, by name."""
        tensors = {f"rows.{name}": getattr(self._rows, name) for name in _ROWS}
        for number, moments in self._adam.state_dict()["state"].items():
            tensors |= {f"{number}.{name}": value for name, value in moments.items()}
        return tensors

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Go back to a `state`; raises KeyError or RuntimeError where it is of another model."""
        for name in _ROWS:
            getattr(self._rows, name).copy_(tensors[f"rows.{name}"])
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            number, _, moment = name.partition(".")
            if number != "rows":
                moments.setdefault(int(number), {})[moment] = value
        groups = self._adam.state_dict()["param_groups"]
        self._adam.load_state_dict({"state": moments, "param_groups": groups})


class RowAdam:
    """Adam (Kingma and Ba, ICLR 2015) without the first moment, at the cost of the rows touched.

    It gives what Adam over the whole table gives with a first beta of 0: the squares of a row
    without a gradient decay all the same, when it is next touched. So rare rows take larger steps,
    as they do there. (Those of SparseAdam, whose moments stand still meanwhile, are too small:
    held-out NDCG stays lower.) Momentum would have to be caught up with on every read. Weight
    decay acts on the rows that are touched.
    """

    def __init__(
        self,
        table: Tensor,
        learning_rate: float,
        weight_decay: float,
        beta: float = 0.999,
        epsilon: float = 1e-8,
    ) -> None:
        self._table = table
        self._rate, self._decay = learning_rate, weight_decay
        self._beta, self._epsilon = beta, epsilon
        self.steps = torch.zeros(())
        self.square = torch.zeros_like(table)
        self.touched = torch.zeros(len(table), device=table.device)
        """The step at which each row was touched last."""

    @torch.no_grad()
    def step(self, ragged: RaggedBatch, gradient: Tensor) -> None:
        """Update the batch's rows by the gradient of its weighted sums, (len(ragged), columns)."""
        self.steps += 1
        if self._table.device.type == "cpu":
            self._update_in_one_pass(ragged, gradient)
        else:
            self._update(ragged, gradient)

    def _update_in_one_pass(self, ragged: RaggedBatch, gradient: Tensor) -> None:
        """`_update` row by row: each is read and written once, none is copied."""
        places = ragged.places.numpy()
        order = np.argsort(places, kind="stable")
        ordered = places[order]
        starts = np.flatnonzero(np.diff(ordered, prepend=-1))
        _step_rows(
            ordered[starts],
            np.append(starts, len(order)),
            ragged.owners.numpy()[order],
            ragged.weights.numpy()[order],
            gradient.numpy(),
            self._table.detach().numpy(),
            self.square.numpy(),
            self.touched.numpy(),
            np.array(self._constants(), dtype=np.float32),
        )

    def _update(self, ragged: RaggedBatch, gradient: Tensor) -> None:
        rows, where = torch.unique(ragged.places, return_inverse=True)
        total = gradient.new_zeros(len(rows), gradient.shape[1])
        total.index_add_(0, where, gradient[ragged.owners] * ragged.weights[:, None])
        now, rate, decay, beta, whole, epsilon = self._constants()
        values = self._table[rows]
        total += decay * values
        square = self.square[rows] * beta ** (now - self.touched[rows])[:, None]
        square.addcmul_(total, total, value=1 - beta)
        self.square[rows], self.touched[rows] = square, now
        self._table[rows] = values - rate * total / ((square / whole).sqrt_() + epsilon)

    def _constants(self) -> tuple[float, ...]:
        """The step, rate, decay, beta, what unbiases squares, epsilon: the order of both."""
        steps = float(self.steps)
        whole = 1 - self._beta**steps
        return steps, self._rate, self._decay, self._beta, whole, self._epsilon


@compiled(parallel=True, fastmath=True)
def _step_rows(  # type: ignore[no-untyped-def]
    rows, starts, owners, weights, gradient, table, square, touched, constants
):
    now, rate, decay, beta, whole, epsilon = constants
    columns = table.shape[1]
    for chunk in numba.prange((len(rows) + _CHUNK - 1) // _CHUNK):
        total = np.empty(columns, dtype=np.float32)
        for place in range(chunk * _CHUNK, min(len(rows), (chunk + 1) * _CHUNK)):
            row = rows[place]
            values, squares = table[row], square[row]
            for c in range(columns):
                total[c] = decay * values[c]
            for entry in range(starts[place], starts[place + 1]):
                weight, source = weights[entry], gradient[owners[entry]]
                for c in range(columns):
                    total[c] += weight * source[c]
            kept = beta ** (now - touched[row])
            touched[row] = now
            for c in range(columns):
                g = total[c]
                squares[c] = kept * squares[c] + (np.float32(1) - beta) * g * g
                values[c] -= rate * g / (np.sqrt(squares[c] / whole) + epsilon)
