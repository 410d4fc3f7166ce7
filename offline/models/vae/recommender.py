"""The variational autoencoder behind the interface of every model."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from scipy import sparse
from tqdm import tqdm

from offline.data.training_set import TrainingSet
from offline.errors import InputError
from offline.models.base import Hooks, Recommender
from offline.models.dae.training.epochs import best_of
from offline.models.storage import Arrays, check_finite
from offline.models.vae.network import VAE
from offline.models.vae.options import VAEOptions
from offline.models.vae.training import one_thread, train

WEIGHTS = "model.safetensors"


class VAERecommender(Recommender):
    """Variational autoencoder, Mult-VAE of Liang et al. (WWW 2018), of its best held-out epoch."""

    name = "vae"

    class Config(VAEOptions, Recommender.Config):
        """Options of the variational autoencoder and its training."""

    config: Config
    network: VAE

    def _fit(self, data: TrainingSet, hooks: Hooks) -> None:
        if not (data.histories.sizes >= 2).any():
            raise InputError(
                "vae needs a user with two interactions: one to learn from, one to judge by"
            )
        total = len(data.histories) * self.config.epochs
        with tqdm(
            total=total, unit=" users", disable=None if hooks.progress else True, file=sys.stderr
        ) as bar:
            self.network, epochs = train(
                data.histories, self.config, lambda users, loss: bar.update(users)
            )
        self._metrics: dict[str, Any] = {
            "best": asdict(best_of(epochs)),
            "epochs": [asdict(epoch) for epoch in epochs],
        }

    def metrics(self) -> dict[str, Any]:
        """The best epoch, and all epochs, as `Epoch` has them."""
        return self._metrics

    @torch.no_grad()
    def _scores(
        self, histories: sparse.csr_matrix, users: NDArray[np.int64] | None
    ) -> NDArray[np.float32]:
        with one_thread():
            logits = self.network(self.network.ragged(histories)).numpy()
        # Items without likes have no logit, and come after all others, in the order of ids.
        scores = np.full(histories.shape, np.finfo(np.float32).min, dtype=np.float32)
        scores[:, self.network.tracks.numpy()] = logits
        return scores

    @property
    def item_vectors(self) -> NDArray[np.float32]:
        """The decoder's rows."""
        rows = self.network.last.weight.detach().numpy()
        found = np.zeros((self.network.n_tracks, rows.shape[1]), dtype=np.float32)
        found[self.network.tracks.numpy()] = rows
        return found

    def _state(self) -> Arrays:
        return {name: value.numpy() for name, value in self.network.state_dict().items()}

    def _set_state(self, state: Arrays, data: TrainingSet) -> None:
        self.network = VAE(
            data.histories.n_tracks,
            state["tracks"],
            self.config.hidden,
            self.config.latent,
            torch.Generator(),
        )
        self.network.load_state_dict({name: torch.from_numpy(x) for name, x in state.items()})

    def _write(self, directory: Path) -> None:
        save_file(self.network.state_dict(), directory / WEIGHTS)

    def _read(self, directory: Path, about: dict[str, Any], data: TrainingSet) -> None:
        state = {name: value.numpy() for name, value in load_file(directory / WEIGHTS).items()}
        for name, array in state.items():
            check_finite(name, array)
        self._set_state(state, data)
        self._metrics = about["metrics"]
