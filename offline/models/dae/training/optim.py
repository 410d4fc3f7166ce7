"""Adam, for layers of which each step needs all, and for one of which it needs few rows."""

import torch
from torch import Tensor

from offline.models.dae.network import DAE, Bag
from offline.models.dae.training.row_adam import RowAdam
from offline.options import TrainOptions

_EPSILON = 1e-8
_BETAS = 0.9, 0.999


class Optimizer:
    """RowAdam for an autoencoder's first layer, torch's fused Adam for the others."""

    def __init__(self, model: DAE, options: TrainOptions) -> None:
        self.dense = [p for name, p in model.named_parameters() if name != "first"]
        rate, decay = options.learning_rate, options.weight_decay
        self._rows = RowAdam(model.first, rate, decay, _BETAS[1], _EPSILON)
        self._adam = torch.optim.Adam(
            self.dense, lr=rate, betas=_BETAS, eps=_EPSILON, weight_decay=decay, fused=True
        )

    def step(self, bag: Bag, gradient: Tensor) -> None:
        """Use the gradients of the dense layers, and that of the bag's sums over the first."""
        self._rows.step(bag, gradient)
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


_ROWS = ("steps", "square", "touched")
