"""The autoencoder that is trained by gradients, behind the interface of every model."""

import sys

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from tqdm import tqdm

from offline.errors import InputError
from offline.models.base import Recommender
from offline.models.dae.training import Hooks, fit
from offline.options import TrainOptions

OPTIONS = TrainOptions(hidden=(300,), batch_size=250, epochs=30, patience=3, learning_rate=3e-3)


class MultDAE(Recommender):
    """`DAE`, trained as `botify-offline train` does: the epoch of the best held-out NDCG@50."""

    name = "mult-dae"

    def __init__(self, seed: int, progress: bool = False, options: TrainOptions = OPTIONS) -> None:
        """`seed` stands for that of the `options`."""
        self.options = options.model_copy(update={"seed": seed})
        self.progress = progress

    def _fit(self, interactions: sparse.csr_matrix) -> None:
        if not (np.diff(interactions.indptr) >= 2).any():
            raise InputError(
                "mult-dae needs a user with two interactions: one to learn from, one to judge by"
            )
        total = interactions.shape[0] * self.options.epochs
        with tqdm(
            total=total, unit=" users", disable=None if self.progress else True, file=sys.stderr
        ) as bar:
            trained = fit(
                interactions,
                self.options,
                hooks=Hooks(on_step=lambda users, loss: bar.update(users)),
            )
        self._model = trained.model

    @torch.no_grad()
    def _scores(
        self, histories: sparse.csr_matrix, users: NDArray[np.int64] | None
    ) -> NDArray[np.float32]:
        logits = self._model(self._model.ragged(histories)).numpy()
        # Items without likes have no logit, and come after all others.
        scores = np.full(histories.shape, logits.min() - 1, dtype=np.float32)
        scores[:, self._model.tracks.numpy()] = logits
        return scores
