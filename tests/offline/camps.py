"""Two camps of users, each with its own tracks: what a model has to find out is known."""

import json
from pathlib import Path

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from offline.checksums import BLANK, KEY, seal, sum_of
from offline.models.dae.network import DAE, RaggedBatch
from offline.models.storage import ARTEFACT, FILE_SUMS
from offline.options import TrainOptions

N_USERS, N_TRACKS = 60, 40
CAMP = N_TRACKS // 2
OPTIONS = TrainOptions(
    hidden=(16,), epochs=12, batch_size=20, learning_rate=0.02, patience=12, precision="float32"
)


def options(**changed: object) -> TrainOptions:
    """`OPTIONS` but for some, which are checked."""
    return TrainOptions.model_validate(OPTIONS.model_dump() | changed)


def two_camps(
    n_users: int = N_USERS, n_tracks: int = N_TRACKS, likes: int = 12, seed: int = 7
) -> sparse.csr_matrix:
    """Even users like `likes` tracks of the catalog's first half, odd ones of its second."""
    rng = np.random.default_rng(seed)
    dense = np.zeros((n_users, n_tracks), dtype=np.float32)
    half = n_tracks // 2
    for user in range(n_users):
        dense[user, half * (user % 2) + rng.choice(half, size=likes, replace=False)] = 1
    return sparse.csr_matrix(dense)


def small_model(*hidden: int, tracks: np.ndarray | None = None) -> DAE:
    """Untrained, of a catalog of `N_TRACKS`; it knows `tracks`, or all."""
    known = np.arange(N_TRACKS) if tracks is None else tracks
    return DAE(N_TRACKS, known, hidden, torch.Generator().manual_seed(1))


def weights(model: DAE) -> dict[str, torch.Tensor]:
    """What training changed."""
    return {name: value.detach().clone() for name, value in model.named_parameters()}


def same(one: DAE, other: DAE) -> bool:
    """Whether two models have the same weights, to the bit."""
    return all(torch.equal(value, weights(other)[name]) for name, value in weights(one).items())


def gradients_of(model: DAE, ragged: RaggedBatch) -> list[Tensor]:
    """The loss of a batch that is shown as it is, and the gradients of all parameters."""
    loss, of_sums = model.backward(ragged, ragged, model.workspace(len(ragged), torch.float32))
    entries = of_sums[ragged.owners] * ragged.weights[:, None]
    first = torch.zeros_like(model.first).index_add_(0, ragged.places, entries)
    others = [p.grad for name, p in model.named_parameters() if name != "first"]
    return [loss, first, *(gradient.clone() for gradient in others if gradient is not None)]


def resealed(directory: Path, **changed: object) -> None:
    """Makes what was changed in a model directory, or in its `artefact.json`, count as whole."""
    about = json.loads((directory / ARTEFACT).read_text()) | changed | {KEY: BLANK}
    about[FILE_SUMS] = {name: sum_of(directory / name) for name in about[FILE_SUMS]}
    (directory / ARTEFACT).write_text(json.dumps(about))
    seal(directory / ARTEFACT)
