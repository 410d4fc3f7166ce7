"""Trains the variational autoencoder and keeps its best epoch."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from offline.data.matrix import InteractionMatrix
from offline.data.splits import held_out
from offline.errors import InputError
from offline.models.dae.training.batches import Batches
from offline.models.dae.training.epochs import Epoch, best_of, has_stalled
from offline.models.dae.training.optim import Optimizer
from offline.models.dae.training.trainer import held_out_metrics, precision_of
from offline.models.vae.network import VAE
from offline.models.vae.options import VAEOptions

# Spawn key of the stream of latent noise; those of `Batches` and of a run are 0 to 4.
_LATENT = 5


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch's own sums in one thread: more would round in another order on another machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def train(
    histories: InteractionMatrix,
    options: VAEOptions,
    on_step: Callable[[int, float], object] = lambda users, loss: None,
) -> tuple[VAE, tuple[Epoch, ...]]:
    """The network of the epoch with the best held-out NDCG@50, and the figures of all epochs.

    Seed and data determine the weights, whatever the number of threads. `on_step` is called with
    the users of a finished step and their mean loss. Raises InputError where nothing can be held
    out, and where training diverges.
    """
    with one_thread():
        return _train(histories, options, on_step)


def _train(
    histories: InteractionMatrix, options: VAEOptions, on_step: Callable[[int, float], object]
) -> tuple[VAE, tuple[Epoch, ...]]:
    shared = options.shared
    split, weights = np.random.SeedSequence(options.seed).spawn(2)
    held = held_out(histories, shared, np.random.default_rng(split))
    batches = Batches(held.train, shared)
    first_weights = int(np.random.default_rng(weights).integers(2**63))
    # An item without likes is never right: to rank it last needs no weights.
    model = VAE(
        histories.n_tracks,
        np.flatnonzero(histories.popularity()),
        options.hidden,
        options.latent,
        torch.Generator().manual_seed(first_weights),
    )
    workspace = model.workspace(options.batch_size, precision_of(shared, model.device))
    optimizer = Optimizer(model, shared)
    epochs: tuple[Epoch, ...] = ()
    best: dict[str, Tensor] = {}
    while len(epochs) < options.epochs:
        number, total, started = len(epochs) + 1, 0.0, time.perf_counter()
        order = batches.order(number)
        for step in range(batches.per_epoch):
            batch = batches.batch(order, number, step)
            liked = model.ragged(batch.rows)
            shown = liked.corrupted(torch.from_numpy(batch.keep))
            done = (number - 1) + step / batches.per_epoch
            beta = options.beta * min(1.0, done / options.anneal_epochs)
            noise = _noise(options, (len(liked), options.latent), number, step)
            loss, gradient = model.step_gradients(shown, liked, noise, beta, workspace)
            optimizer.step(shown, gradient)
            total += loss.item() * len(liked)
            on_step(len(liked), loss.item())
        seconds = time.perf_counter() - started
        if not (
            math.isfinite(total) and all(bool(w.isfinite().all()) for w in model.parameters())
        ):
            raise InputError(
                f"training diverged in epoch {number} (loss or weights are NaN or infinite): "
                f"lower learning_rate, which is {options.learning_rate:g}"
            )
        found = held_out_metrics(model, held)
        ndcg, recall = float(found.ndcg.mean()), float(found.recall.mean())
        epoch = Epoch(number, total / len(order), ndcg, recall, len(order) / seconds)
        epochs = (*epochs, epoch)
        if best_of(epochs) is epoch:
            best = {name: value.clone() for name, value in model.state_dict().items()}
        if has_stalled(epochs, options.patience, batches.per_epoch):
            break
    model.load_state_dict(best)
    return model, epochs


def _noise(options: VAEOptions, shape: tuple[int, int], *key: int) -> Tensor:
    seeds = np.random.SeedSequence(options.seed, spawn_key=(_LATENT, *key))
    return torch.from_numpy(np.random.default_rng(seeds).standard_normal(shape, np.float32))
