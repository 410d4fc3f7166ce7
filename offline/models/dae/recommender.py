"""The denoising autoencoder behind the interface of every model."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from offline.data.training_set import TrainingSet
from offline.models.dae import training
from offline.models.dae.autoencoder import Autoencoder
from offline.models.dae.network import DAE
from offline.models.dae.training import Trained
from offline.models.dae.training.plot import plot_epochs
from offline.models.storage import Arrays
from offline.options import TrainOptions

CURVES = "training.png"


class DAERecommender(Autoencoder):
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

    class Config(TrainOptions, Autoencoder.Config):
        """Options of the denoising autoencoder and its training."""

    config: Config

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
        self._keep(trained, sessions=sessions)

    @property
    def _held_out_by(self) -> TrainOptions:
        return self.config

    def _train(self, data: TrainingSet, on_step: Callable[[int, float], object]) -> Trained:
        hooks = training.Hooks(on_step=on_step)
        return training.fit(data.histories, self.config, hooks=hooks)

    def _keep(self, trained: Trained, **others: Any) -> None:
        super()._keep(trained, **{"sessions": None, **others})

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

    def _set_state(self, state: Arrays, data: TrainingSet) -> None:
        tracks, n_tracks = state["tracks"], data.histories.n_tracks
        self.network = DAE(n_tracks, tracks, self.config.hidden, torch.Generator())
        self._load_weights(state)

    def _write(self, directory: Path) -> None:
        super()._write(directory)
        epochs = tuple(training.Epoch(**epoch) for epoch in self._metrics["epochs"])
        plot_epochs(epochs, self._metrics["best"]["number"], directory / CURVES)
