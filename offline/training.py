"""Trains the denoising autoencoder and keeps its best epoch."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from offline.metrics import RankingMetrics, ranking_metrics
from offline.models.dae import DAE, Bag, input_dropout, multinomial_loss
from offline.options import TrainOptions
from offline.split import Split, split_interactions

K = 50


@dataclass(frozen=True)
class Epoch:
    """What one pass over the users gave."""

    number: int
    loss: float
    """Multinomial loss per user of the corrupted input, mean over the epoch."""
    ndcg: float
    """Held-out NDCG@50, mean over the users with held-out interactions."""
    recall: float
    """Held-out recall@50."""
    users_per_second: float


@dataclass(frozen=True)
class Trained:
    """The weights of the best epoch, and how all epochs went."""

    model: DAE
    epochs: tuple[Epoch, ...]

    @property
    def best(self) -> Epoch:
        return max(self.epochs, key=lambda epoch: epoch.ndcg)


def fit(
    matrix: sparse.csr_matrix,
    options: TrainOptions,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
    on_users: Callable[[int], object] = lambda users: None,
) -> Trained:
    """Train on a binary user × track matrix; the epoch of the best held-out NDCG@50 wins.

    Repeatable: seed, matrix and number of threads give the weights. `on_users`
    hears how many users a step took. Raises InputError where nothing can be
    held out.
    """
    _, order_rng, torch_rng = _streams(options)
    generator = torch.Generator().manual_seed(int(torch_rng.integers(2**63)))
    split = split_for(matrix, options)
    model = DAE(matrix.shape[1], options.hidden, generator)
    optimizer = torch.optim.Adam(
        model.parameters(),
        lr=options.learning_rate,
        weight_decay=options.weight_decay,
        fused=True,
    )
    users = np.flatnonzero(np.diff(split.train.indptr))
    epochs: list[Epoch] = []
    best: dict[str, Tensor] = {}
    for number in range(1, options.epochs + 1):
        start = time.perf_counter()
        total = 0.0
        order = order_rng.permutation(users)
        for at in range(0, len(order), options.batch_size):
            bag = Bag.of(split.train, order[at : at + options.batch_size])
            logits = model(bag, input_dropout(bag, options.dropout, generator))
            loss = multinomial_loss(logits, bag)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            optimizer.step()
            n = len(bag.offsets) - 1
            total += loss.item() * n
            on_users(n)
        rate = len(order) / (time.perf_counter() - start)
        found = held_out_metrics(model, split)
        epoch = Epoch(
            number, total / len(order), float(found.ndcg.mean()), float(found.recall.mean()), rate
        )
        if epoch.ndcg > max((other.ndcg for other in epochs), default=-1.0):
            best = {name: value.clone() for name, value in model.state_dict().items()}
        epochs.append(epoch)
        on_epoch(epoch)
        if number - max(epochs, key=lambda some: some.ndcg).number >= options.patience:
            break
    model.load_state_dict(best)
    return Trained(model, tuple(epochs))


def split_for(matrix: sparse.csr_matrix, options: TrainOptions) -> Split:
    """What training with these options holds out of `matrix`, and what it learns from."""
    rng, _, _ = _streams(options)
    return split_interactions(matrix, options.held_out_users, options.held_out_share, rng)


def _streams(options: TrainOptions) -> tuple[np.random.Generator, ...]:
    """Random streams of the split, of the order of users, and of torch."""
    return tuple(np.random.default_rng(s) for s in np.random.SeedSequence(options.seed).spawn(3))


def held_out_metrics(model: DAE, split: Split) -> RankingMetrics:
    """NDCG@50 and recall@50 of the held-out interactions; the user's others are not offered."""
    rows = np.flatnonzero(np.diff(split.held_out.indptr))
    lists = top_lists(model, split.train[rows], K, exclude_input=True)
    return ranking_metrics(lists, split.held_out[rows])


@torch.no_grad()
def top_lists(
    model: DAE, matrix: sparse.csr_matrix, k: int, *, exclude_input: bool, batch: int = 256
) -> NDArray[np.int64]:
    """The k tracks with the highest logits for each row of `matrix`, best first.

    Shape (n_users, min(k, n_tracks)). `exclude_input` leaves out the row's own tracks.
    """
    k = min(k, matrix.shape[1])
    out = np.empty((matrix.shape[0], k), dtype=np.int64)
    for at in range(0, len(out), batch):
        rows = np.arange(at, min(at + batch, len(out)))
        bag = Bag.of(matrix, rows)
        logits = model(bag)
        if exclude_input:
            logits[bag.owners, bag.tracks] = -torch.inf
        out[rows] = logits.topk(k, dim=1).indices.numpy()
    return out
