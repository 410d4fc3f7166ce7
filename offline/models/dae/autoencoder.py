"""What the autoencoders that are trained by gradients have in common."""

import sys
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from scipy import sparse
from tqdm import tqdm

from offline.data.splits import HeldOut, held_out
from offline.data.training_set import TrainingSet
from offline.errors import InputError
from offline.models.base import Hooks, Recommender
from offline.models.dae.network import DAE
from offline.models.dae.training.epochs import Trained
from offline.models.dae.training.trainer import streams
from offline.models.storage import Arrays, check_finite
from offline.models.top_n import UNWANTED
from offline.options import TrainOptions

WEIGHTS = "model.safetensors"


class Autoencoder(Recommender):
    """A network with a logit for each item that somebody liked, of its best held-out epoch.

    A subclass implements `_train`, `_set_state` and `_held_out_by`.
    """

    network: DAE

    def held_out(self, data: TrainingSet) -> HeldOut:
        """What `fit` holds out of this data to choose the epoch by."""
        options = self._held_out_by
        return held_out(data.histories, options, streams(options)[0])

    def metrics(self) -> dict[str, Any]:
        """The best epoch and all epochs, as `Epoch` has them."""
        return self._metrics

    @property
    def item_vectors(self) -> NDArray[np.float32]:
        """The decoder's rows."""
        rows = self.network.last.weight.detach().numpy()
        found = np.zeros((self.network.n_tracks, rows.shape[1]), dtype=np.float32)
        found[self.network.tracks.numpy()] = rows
        return found

    @property
    @abstractmethod
    def _held_out_by(self) -> TrainOptions:
        """The options that decide what is held out: seed and shares."""

    @abstractmethod
    def _train(self, data: TrainingSet, on_step: Callable[[int, float], object]) -> Trained:
        """Train; `on_step` is called with the users of a finished step and their mean loss."""

    def _fit(self, data: TrainingSet, hooks: Hooks) -> None:
        if not (data.histories.sizes >= 2).any():
            raise InputError(
                f"{self.name} needs a user with two interactions: one to learn from, one to "
                "judge by"
            )
        total = len(data.histories) * self._held_out_by.epochs
        with tqdm(
            total=total, unit=" users", disable=None if hooks.progress else True, file=sys.stderr
        ) as bar:
            self._keep(self._train(data, lambda users, loss: bar.update(users)))

    def _keep(self, trained: Trained, **others: Any) -> None:
        self.network = trained.model
        self._metrics: dict[str, Any] = {
            "best": asdict(trained.best),
            "epochs": [asdict(epoch) for epoch in trained.epochs],
            **others,
        }

    @torch.no_grad()
    def _scores(
        self, histories: sparse.csr_matrix, users: NDArray[np.int64] | None
    ) -> NDArray[np.float32]:
        logits = self.network(self.network.ragged(histories)).numpy()
        # Items without likes have no logit.
        scores = np.full(histories.shape, UNWANTED, dtype=np.float32)
        scores[:, self.network.tracks.numpy()] = logits
        return scores

    def _state(self) -> Arrays:
        return {name: value.numpy() for name, value in self.network.state_dict().items()}

    def _load_weights(self, state: Arrays) -> None:
        self.network.load_state_dict({name: torch.from_numpy(x) for name, x in state.items()})

    def _write(self, directory: Path) -> None:
        save_file(self.network.state_dict(), directory / WEIGHTS)

    def _read(self, directory: Path, about: dict[str, Any], data: TrainingSet) -> None:
        state = {name: value.numpy() for name, value in load_file(directory / WEIGHTS).items()}
        for name, array in state.items():
            check_finite(name, array)
        self._set_state(state, data)
        self._metrics = about["metrics"]
