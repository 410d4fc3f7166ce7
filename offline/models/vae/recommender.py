"""The variational autoencoder behind the interface of every model."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from offline.data.training_set import TrainingSet
from offline.models.dae.autoencoder import Autoencoder
from offline.models.dae.training.epochs import Trained
from offline.models.storage import Arrays
from offline.models.vae.network import VAE
from offline.models.vae.options import VAEOptions
from offline.models.vae.training import one_thread, train
from offline.options import TrainOptions


class VAERecommender(Autoencoder):
    """Variational autoencoder, Mult-VAE of Liang et al. (WWW 2018), of its best held-out epoch."""

    name = "vae"

    class Config(VAEOptions, Autoencoder.Config):
        """Options of the variational autoencoder and its training."""

    config: Config

    @property
    def _held_out_by(self) -> TrainOptions:
        return self.config.shared

    def _train(self, data: TrainingSet, on_step: Callable[[int, float], object]) -> Trained:
        return Trained(*train(data.histories, self.config, on_step))

    def _scores(
        self, histories: sparse.csr_matrix, users: NDArray[np.int64] | None
    ) -> NDArray[np.float32]:
        with one_thread():
            return super()._scores(histories, users)

    def _set_state(self, state: Arrays, data: TrainingSet) -> None:
        self.network = VAE(
            data.histories.n_tracks,
            state["tracks"],
            self.config.hidden,
            self.config.latent,
            torch.Generator(),
        )
        self._load_weights(state)
