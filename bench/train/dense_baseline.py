"""The autoencoder as it is commonly written, over dense rows.

`python -m bench.train.dense_baseline`.

The model of the design, n → 300 → 50 → n with tanh between: L2-normalised input with dropout
0.5, multinomial loss, Adam 1e-3, batch 64, float32. A Dataset gives a dense row of the catalog's
length for each user, a DataLoader collates them, `nn.Linear` multiplies them; lists come from
dense scores and `np.argsort`. Its quality by epoch: `dense_curve.py`.
"""

import json
import time
from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import click
import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from bench.common.memory import peak_mb
from bench.train.data import matrix
from offline.data.matrix import InteractionMatrix
from offline.data.splits import HeldOut, held_out
from offline.models.dae.training.trainer import streams
from offline.options import TrainOptions

HIDDEN, DROPOUT, LEARNING_RATE, BATCH = (300, 50), 0.5, 1e-3, 64
K = 50


class Epoch(NamedTuple):
    """Time and loss of one pass over the users, or of its first steps."""

    seconds: float
    losses: list[float]
    """Of each step, mean over its users."""
    of_steps: int
    """Steps of a whole epoch."""


class Baseline(Protocol):
    """The model that the loop below trains."""

    def train(self, mode: bool = True) -> nn.Module: ...

    def optimizer(self) -> torch.optim.Optimizer: ...

    def data(
        self, interactions: sparse.csr_matrix, generator: torch.Generator
    ) -> DataLoader[Any]: ...

    def loss(self, batch: Any, /) -> Tensor:
        """Of a batch as the loader gives it, which torch does not type."""

    def scores(self, interactions: sparse.csr_matrix) -> Tensor: ...


class DenseRows(Dataset[Tensor]):
    """Each user's row of the matrix, dense."""

    def __init__(self, interactions: sparse.csr_matrix) -> None:
        self._interactions = interactions

    def __len__(self) -> int:
        return int(self._interactions.shape[0])

    def __getitem__(self, user: int) -> Tensor:
        return torch.from_numpy(self._interactions[user].toarray()[0])


class Dense(nn.Module):
    """A batch is a dense float32 tensor, user × track."""

    def __init__(self, n_tracks: int) -> None:
        super().__init__()
        self.dropout = nn.Dropout(DROPOUT)
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise([n_tracks, *HIDDEN, n_tracks]):
            layers += [nn.Linear(inputs, outputs), nn.Tanh()]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, rows: Tensor) -> Tensor:
        logits: Tensor = self.layers(self.dropout(functional.normalize(rows, dim=1)))
        return logits

    def loss(self, rows: Tensor) -> Tensor:
        return -(functional.log_softmax(self(rows), dim=1) * rows).sum(dim=1).mean()

    def optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=LEARNING_RATE)

    def data(
        self, interactions: sparse.csr_matrix, generator: torch.Generator
    ) -> DataLoader[Tensor]:
        rows = DenseRows(interactions)
        return DataLoader(rows, batch_size=BATCH, shuffle=True, generator=generator)

    @torch.no_grad()
    def scores(self, interactions: sparse.csr_matrix) -> Tensor:
        """Logits of all users of the matrix, at once."""
        self.eval()
        return self.forward(torch.from_numpy(interactions.toarray()))


def new_model(n_tracks: int, seed: int) -> Dense:
    """The model that a seed begins with; torch's global stream is left as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Dense(n_tracks)


def train(
    model: Baseline, interactions: sparse.csr_matrix, seed: int, steps: int | None = None
) -> Iterator[Epoch]:
    """Train on, epoch after epoch, or the first `steps` of each; without end.

    Dropout draws from torch's global stream, seeded for each epoch and put back after it.
    """
    adam = model.optimizer()
    data = model.data(interactions, torch.Generator().manual_seed(seed))
    while True:
        seed += 1
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model.train()
            losses = []
            started = time.perf_counter()
            for batch in islice(data, steps):
                adam.zero_grad()
                loss = model.loss(batch)
                loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
                adam.step()
                losses.append(loss.item())
            seconds = time.perf_counter() - started
        yield Epoch(seconds, losses, len(data))


def run_dense_epoch(
    interactions: sparse.csr_matrix, seed: int, steps: int | None = None
) -> tuple[float, float]:
    """Seconds and mean loss of a new model's first epoch, or of its first `steps`."""
    epoch = next(train(new_model(interactions.shape[1], seed), interactions, seed, steps))
    return epoch.seconds, float(np.mean(epoch.losses))


def argsort_lists(
    model: Baseline, interactions: sparse.csr_matrix, k: int = K, *, exclude_input: bool = False
) -> NDArray[np.int64]:
    """The k best tracks of each user, shape (n_users, k): every score sorted, the first k kept."""
    lists = []
    for at in range(0, interactions.shape[0], BATCH):
        rows = interactions[at : at + BATCH]
        scores = model.scores(rows).numpy()
        if exclude_input:
            scores[rows.nonzero()] = -np.inf
        lists.append(np.argsort(-scores, axis=1)[:, :k])
    return np.concatenate(lists)


def split(interactions: sparse.csr_matrix, seed: int) -> HeldOut:
    """20 % of the interactions of 20 % of the users, as `botify-offline train` holds out."""
    options = TrainOptions(seed=seed)
    return held_out(InteractionMatrix.of(interactions), options, streams(options)[0])


def learned_from(held: HeldOut) -> sparse.csr_matrix:
    """All that is not held out."""
    return held.train.take(np.arange(len(held.train)))


@click.command()
@click.argument("data", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("part", type=click.Choice(["epochs", "lists"]))
@click.option("--steps", type=click.IntRange(min=1), help="Only this number of steps of an epoch.")
@click.option("--epochs", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--seed", default=31337, show_default=True)
def main(part: str, data: Path, steps: int | None, epochs: int, seed: int) -> None:
    """Time the dense loop, or its lists, on DATA; the last line is the result as JSON."""
    interactions = matrix(data)
    model = new_model(interactions.shape[1], seed)
    if part == "epochs":
        train_rows = learned_from(split(interactions, seed))
        done = list(islice(train(model, train_rows, seed, steps), epochs))
        found = {
            "seconds": [epoch.seconds for epoch in done],
            "losses": [float(np.mean(epoch.losses)) for epoch in done],
            "steps": len(done[0].losses),
            "of_steps": done[0].of_steps,
        }
    else:
        # Sorting takes as long whatever the scores: the weights need no training.
        started = time.perf_counter()
        lists = argsort_lists(model, interactions)
        found = {"seconds": time.perf_counter() - started, "users": len(lists), "k": K}
    click.echo(json.dumps(found | {"peak_mb": peak_mb()}))


if __name__ == "__main__":
    main()
