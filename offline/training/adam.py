"""Adam, for layers of which each step needs all, and for one of which it needs few rows."""

import torch
from torch import Tensor

from offline.models.dae import DAE
from offline.options import TrainOptions

_EPSILON = 1e-8
_BETAS = 0.9, 0.999
_FEW = 1024


class RowAdam:
    """Adam (Kingma and Ba, ICLR 2015) that leaves alone the rows without a gradient.

    Their moments do not decay meanwhile, as in torch's SparseAdam; a step costs as much as the
    rows that it touches, not as the table.
    """

    def __init__(self, table: Tensor, learning_rate: float, weight_decay: float) -> None:
        self._table = table
        self._rate, self._decay = learning_rate, weight_decay
        self.steps = torch.zeros(())
        self.mean = torch.zeros_like(table)
        self.square = torch.zeros_like(table)

    @torch.no_grad()
    def step(self, rows: Tensor, gradient: Tensor) -> None:
        """Update the distinct `rows` by their gradient, shape (len(rows), columns)."""
        self.steps += 1
        # A few at a time stay in the cache through all that is done to them.
        parts = zip(torch.split(rows, _FEW), torch.split(gradient, _FEW), strict=True)
        for few, part in parts:
            self._update(few, part)

    def _update(self, rows: Tensor, gradient: Tensor) -> None:
        values = self._table.index_select(0, rows)
        if self._decay:
            gradient = gradient.add(values, alpha=self._decay)
        mean = self.mean.index_select(0, rows).lerp_(gradient, 1 - _BETAS[0])
        square = self.square.index_select(0, rows).mul_(_BETAS[1])
        square.addcmul_(gradient, gradient, value=1 - _BETAS[1])
        self.mean.index_copy_(0, rows, mean)
        self.square.index_copy_(0, rows, square)
        whole = [1 - beta ** int(self.steps) for beta in _BETAS]
        spread = square.mul_(1 / whole[1]).sqrt_().add_(_EPSILON)
        values.addcdiv_(mean, spread, value=-self._rate / whole[0])
        self._table.index_copy_(0, rows, values)


class Optimizer:
    """RowAdam for an autoencoder's first layer, torch's fused Adam for the others."""

    def __init__(self, model: DAE, options: TrainOptions) -> None:
        self.dense = [p for name, p in model.named_parameters() if name != "first"]
        rate, decay = options.learning_rate, options.weight_decay
        self._rows = RowAdam(model.first, rate, decay)
        self._adam = torch.optim.Adam(
            self.dense, lr=rate, betas=_BETAS, eps=_EPSILON, weight_decay=decay, fused=True
        )

    def step(self, rows: Tensor, gradient: Tensor) -> None:
        """Use the gradients of the dense layers, and that of some rows of the first."""
        self._rows.step(rows, gradient)
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


_ROWS = ("steps", "mean", "square")
