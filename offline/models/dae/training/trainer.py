"""Trains the denoising autoencoder and keeps its best epoch."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from scipy import sparse

from offline.data.matrix import InteractionMatrix
from offline.data.splits import HeldOut, held_out
from offline.errors import InputError
from offline.metrics.ranking import RankingMetrics, ranking_metrics
from offline.models.dae.loss import bfloat16_pays
from offline.models.dae.network import DAE
from offline.models.dae.training.batches import Batch, Batches
from offline.models.dae.training.checkpoint import (
    Identity,
    State,
    load_checkpoint,
    save_checkpoint,
)
from offline.models.dae.training.epochs import Epoch, Trained, best_of, has_stalled
from offline.models.dae.training.inference import K, top_lists
from offline.models.dae.training.optim import Optimizer
from offline.models.dae.training.workers import ALONE, Workers
from offline.options import TrainOptions


@dataclass(frozen=True)
class Hooks:
    """Callbacks of `fit` during training.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> from offline import Hooks, TrainOptions, fit
    >>> hooks = Hooks(on_epoch=lambda epoch: print(f"epoch {epoch.number} is done"))
    >>> options = TrainOptions(hidden=(4,), epochs=1)
    >>> _ = fit(sparse.csr_matrix(np.tri(40, 60)), options, hooks=hooks)
    epoch 1 is done
    """

    on_start: Callable[[State, int], object] = lambda state, users: None
    """Called with the state from which the run starts or resumes, and the users of an epoch."""
    on_step: Callable[[int, float], object] = lambda users, loss: None
    """Called with the number of users of a finished step, and their mean loss."""
    on_epoch: Callable[[Epoch], object] = lambda epoch: None
    """Called with the figures of a finished epoch."""


@dataclass(frozen=True)
class Checkpoints:
    """Where a run saves its state, and resumes from."""

    directory: Path
    fingerprint: str


def fit(
    data: sparse.csr_matrix | InteractionMatrix,
    options: TrainOptions,
    *,
    hooks: Hooks | None = None,
    checkpoints: Checkpoints | None = None,
    workers: Workers = ALONE,
) -> Trained:
    """Train the autoencoder; the epoch with the best held-out NDCG@50 is kept.

    Seed, data and number of threads determine the weights, interrupted or not. Several workers
    give the weights of one, up to rounding.

    Parameters
    ----------
    data : csr_matrix or InteractionMatrix, shape (n_users, n_tracks)
        Who liked what.
    options : TrainOptions
    hooks : Hooks, optional
        What to call after each step and epoch.
    checkpoints : Checkpoints, optional
        Where to save the state, and to resume from.
    workers : Workers, default this process alone
        The processes that train together.

    Returns
    -------
    Trained
        `model`, with the weights of the best epoch, and `epochs`, the figures of all.

    Raises
    ------
    InputError
        Where nothing can be held out, where training diverges, and for a checkpoint that is
        damaged or belongs to another run.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> from offline import TrainOptions, fit
    >>> trained = fit(sparse.csr_matrix(np.tri(40, 60)), TrainOptions(hidden=(4,), epochs=2))
    >>> len(trained.epochs), trained.best.number in (1, 2)
    (2, True)
    """
    histories = data if isinstance(data, InteractionMatrix) else InteractionMatrix.of(data)
    return _Run(histories, options, hooks or Hooks(), checkpoints, workers).run()


@dataclass
class _Run:
    histories: InteractionMatrix
    options: TrainOptions
    hooks: Hooks
    checkpoints: Checkpoints | None
    workers: Workers
    state: State = field(default_factory=State)

    def __post_init__(self) -> None:
        split_rng, torch_rng = streams(self.options)
        self.held = held_out(self.histories, self.options, split_rng)
        self.batches = Batches(self.held.train, self.options)
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        generator = torch.Generator().manual_seed(int(torch_rng.integers(2**63)))
        # A track without likes is never right: to rank it last needs no weights.
        tracks = np.flatnonzero(self.histories.popularity())
        self.model = DAE(self.histories.n_tracks, tracks, self.options.hidden, generator).to(
            device
        )
        dtype = precision_of(self.options, device)
        self.workspace = self.model.workspace(self.options.batch_size, dtype)
        self.optimizer = Optimizer(self.model, self.options)
        self.saved = time.monotonic()

    def run(self) -> Trained:
        self._resume()
        self.hooks.on_start(self.state, len(self.batches.users))
        while not self._done():
            self._epoch()
        self.model.load_state_dict(self.state.best)
        return Trained(self.model.cpu(), self.state.epochs)

    def _done(self) -> bool:
        done, options = self.state.epochs, self.options
        stalled = has_stalled(done, options.patience, self.batches.per_epoch)
        return len(done) >= options.epochs or stalled

    def _epoch(self) -> None:
        state = self.state
        order = self.batches.order(state.epoch)
        while state.step < self.batches.per_epoch:
            started = time.perf_counter()
            batch = self.batches.batch(order, state.epoch, state.step)
            loss = self._step(batch)
            state.step += 1
            state.loss += loss
            state.seconds += time.perf_counter() - started
            users = batch.rows.shape[0]
            self.hooks.on_step(users, loss / users)
            if state.step < self.batches.per_epoch:
                self._save_if_due()
        self._finish_epoch(len(order))
        self._save_if_due()

    def _step(self, batch: Batch) -> float:
        """One step of Adam; the loss, summed over the users of all processes."""
        whole = self.model.ragged(batch.rows)
        inputs = whole.corrupted(torch.from_numpy(batch.keep).to(self.model.device))
        users = self.workers.part(len(whole))
        loss, mine = self.model.backward(
            inputs.part(users), whole.part(users), self.workspace, 1 / len(whole)
        )
        gradient = mine.new_zeros(len(whole), mine.shape[1])
        gradient[users] = mine
        parts = [p.grad for p in self.optimizer.dense if p.grad is not None]
        self.workers.add_up([loss, gradient, *parts])
        self.optimizer.step(inputs, gradient)
        return loss.item()

    def _finish_epoch(self, users: int) -> None:
        """Measure the weights as they are, and keep them if they are the best so far."""
        state = self.state
        self._check_numbers()
        found = [0.0, 0.0]
        if self.workers.first:
            metrics = held_out_metrics(self.model, self.held)
            found = [float(metrics.ndcg.mean()), float(metrics.recall.mean())]
        ndcg, recall = self.workers.agree(found)
        epoch = Epoch(state.epoch, state.loss / users, ndcg, recall, users / state.seconds)
        state.epochs = (*state.epochs, epoch)
        if best_of(state.epochs) is epoch:
            state.best = {name: value.clone() for name, value in self.model.state_dict().items()}
        state.epoch, state.step, state.loss, state.seconds = state.epoch + 1, 0, 0.0, 0.0
        self.hooks.on_epoch(epoch)

    def _check_numbers(self) -> None:
        """Raises InputError, in all processes alike, where training has left the numbers."""
        weights = self.model.parameters()
        if not (math.isfinite(self.state.loss) and all(bool(w.isfinite().all()) for w in weights)):
            raise InputError(
                f"training diverged in epoch {self.state.epoch} (loss or weights are NaN or "
                f"infinite): lower learning_rate, which is {self.options.learning_rate:g}"
            )

    def _identity(self) -> Identity:
        assert self.checkpoints is not None
        options = self.options.model_dump(mode="json", exclude={"checkpoint_seconds"})
        return Identity(self.checkpoints.fingerprint, self.histories.n_tracks, options)

    def _resume(self) -> None:
        if self.checkpoints is not None:
            found = load_checkpoint(
                self.checkpoints.directory, self._identity(), self.model, self.optimizer
            )
            self.state = found or self.state

    def _save_if_due(self) -> None:
        due = time.monotonic() - self.saved >= self.options.checkpoint_seconds
        if self.checkpoints is None or not self.workers.first or not due:
            return
        save_checkpoint(
            self.checkpoints.directory, self._identity(), self.state, self.model, self.optimizer
        )
        self.saved = time.monotonic()


def held_out_metrics(model: DAE, held: HeldOut) -> RankingMetrics:
    """NDCG@50 and recall@50 of the held-out interactions; the user's others are not offered."""
    return ranking_metrics(top_lists(model, held.seen, K, exclude_input=True), held.wanted)


def streams(options: TrainOptions) -> tuple[np.random.Generator, np.random.Generator]:
    """Random streams of the split, and of the first weights."""
    split, weights = np.random.SeedSequence(options.seed).spawn(2)
    return np.random.default_rng(split), np.random.default_rng(weights)


def precision_of(options: TrainOptions, device: torch.device) -> torch.dtype:
    """The type in which the products over the catalog are computed."""
    if options.precision == "auto":
        on_gpu = device.type == "cuda" and torch.cuda.is_bf16_supported()
        return torch.bfloat16 if on_gpu or bfloat16_pays() else torch.float32
    return torch.bfloat16 if options.precision == "bfloat16" else torch.float32
