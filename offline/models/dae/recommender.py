"""The autoencoder that is trained by gradients, behind the interface of every model."""

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
from offline.models.dae import training
from offline.models.dae.network import DAE
from offline.models.dae.training import Trained
from offline.models.dae.training.plot import plot_epochs
from offline.models.storage import Arrays, check_finite
from offline.models.top_n import UNWANTED
from offline.options import TrainOptions

WEIGHTS, CURVES = "model.safetensors", "training.png"


class DAERecommender(Recommender):
    """Denoising autoencoder, Mult-DAE of Liang et al. (WWW 2018), of its best held-out epoch.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> from offline import DAERecommender
    >>> model = DAERecommender(hidden=(4,), epochs=1).fit(sparse.csr_matrix(np.tri(40, 60)))
    >>> model.recommend(np.array([30]), n=3).ids.shape, model.network.n_tracks
    ((1, 3), 60)
    """

    name = "dae"
    rows = 256

    class Config(TrainOptions, Recommender.Config):
        """Options of the denoising autoencoder and its training."""

    config: Config
    network: DAE

    @classmethod
    def of(cls, trained: Trained, config: TrainOptions, data: TrainingSet) -> "DAERecommender":
        """One that was trained already, with these options on this data."""
        model = cls(cls.Config.of(config.model_dump(), cls.name))
        model.keep(trained, data)
        return model

    def keep(
        self, trained: Trained, data: TrainingSet, sessions: dict[str, Any] | None = None
    ) -> None:
        """Be as `fit` would leave it, with what was trained on this data.

        `sessions`: the figures of the session model on held-out sessions, for `metrics`.
        """
        self._popularity = data.histories.popularity().astype(np.float32)
        self._data = data
        self._keep(trained, sessions)

    def _fit(self, data: TrainingSet, hooks: Hooks) -> None:
        if not (data.histories.sizes >= 2).any():
            raise InputError(
                "dae needs a user with two interactions: one to learn from, one to judge by"
            )
        total = len(data.histories) * self.config.epochs
        with tqdm(
            total=total, unit=" users", disable=None if hooks.progress else True, file=sys.stderr
        ) as bar:
            trained = training.fit(
                data.histories,
                self.config,
                hooks=training.Hooks(on_step=lambda users, loss: bar.update(users)),
            )
        self._keep(trained)

    def _keep(self, trained: Trained, sessions: dict[str, Any] | None = None) -> None:
        self.network = trained.model
        self._metrics: dict[str, Any] = {
            "best": asdict(trained.best),
            "epochs": [asdict(epoch) for epoch in trained.epochs],
            "sessions": sessions,
        }

    def metrics(self) -> dict[str, Any]:
        """The best epoch and all epochs, as `training.Epoch` has them; the session model's."""
        return self._metrics

    @torch.no_grad()
    def _scores(
        self, histories: sparse.csr_matrix, users: NDArray[np.int64] | None
    ) -> NDArray[np.float32]:
        logits = self.network(self.network.ragged(histories)).numpy()
        # Items without likes have no logit.
        scores = np.full(histories.shape, UNWANTED, dtype=np.float32)
        scores[:, self.network.tracks.numpy()] = logits
        return scores

    @property
    def item_vectors(self) -> NDArray[np.float32]:
        """The decoder's rows."""
        rows = self.network.last.weight.detach().numpy()
        found = np.zeros((self.network.n_tracks, rows.shape[1]), dtype=np.float32)
        found[self.network.tracks.numpy()] = rows
        return found

    @torch.no_grad()
    def taste_scores(self, histories: sparse.csr_matrix) -> NDArray[np.float32]:
        """The log of the probability, less the decoder's bias of the item.

        That is how popular it is with everybody, and says little about a user with this taste.
        """
        logits = self.network(self.network.ragged(histories))
        found: NDArray[np.float32] = (
            torch.log_softmax(logits, dim=1) - self.network.last.bias
        ).numpy()
        return found

    def _state(self) -> Arrays:
        return {name: value.numpy() for name, value in self.network.state_dict().items()}

    def _set_state(self, state: Arrays, data: TrainingSet) -> None:
        tracks, n_tracks = state["tracks"], data.histories.n_tracks
        self.network = DAE(n_tracks, tracks, self.config.hidden, torch.Generator())
        self.network.load_state_dict({name: torch.from_numpy(x) for name, x in state.items()})

    def _write(self, directory: Path) -> None:
        save_file(self.network.state_dict(), directory / WEIGHTS)
        epochs = tuple(training.Epoch(**epoch) for epoch in self._metrics["epochs"])
        plot_epochs(epochs, self._metrics["best"]["number"], directory / CURVES)

    def _read(self, directory: Path, about: dict[str, Any], data: TrainingSet) -> None:
        state = {name: value.numpy() for name, value in load_file(directory / WEIGHTS).items()}
        for name, array in state.items():
            check_finite(name, array)
        self._set_state(state, data)
        self._metrics = about["metrics"]
