"""The dense loop's quality by epoch, in minutes: `python -m bench.train.dense_curve`.

The same model, initial weights, order of users, batches, loss and optimizer as
`dense_baseline.py`, over the tracks that are there instead of dense rows: the steps are equal to
float32's rounding, which the tests check. Only the dropout of the two draws other numbers. The
baseline's time to an epoch is the dense loop's, never this one's.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from bench.train.data import matrix
from bench.train.dense_baseline import (
    BATCH,
    DROPOUT,
    LEARNING_RATE,
    Baseline,
    Dense,
    Epoch,
    argsort_lists,
    learned_from,
    new_model,
    split,
    train,
)
from offline.data.splits import HeldOut
from offline.metrics.ranking import ranking_metrics

Bag = tuple[Tensor, Tensor]


class Users(Dataset[int]):
    """The users by number, 0 to n - 1."""

    def __init__(self, n: int) -> None:
        self._n = n

    def __len__(self) -> int:
        return self._n

    def __getitem__(self, user: int) -> int:
        return user


class Sparse(nn.Module):
    """A dense model's twin; a batch is (tracks, offsets), user u has those from offset u on."""

    def __init__(self, dense: Dense) -> None:
        super().__init__()
        first, *others = dense.layers
        assert isinstance(first, nn.Linear)
        self.dropout = nn.Dropout(DROPOUT)
        self.first = nn.Parameter(first.weight.detach().T.clone())
        self.bias = nn.Parameter(first.bias.detach().clone())
        self.layers = nn.Sequential(*others)

    def forward(self, tracks: Tensor, offsets: Tensor) -> Tensor:
        sizes = offsets.diff()
        weights = torch.repeat_interleave(sizes.clamp(min=1).float().rsqrt(), sizes)
        code = functional.embedding_bag(
            tracks,
            self.first,
            offsets,
            mode="sum",
            per_sample_weights=self.dropout(weights),
            include_last_offset=True,
        )
        logits: Tensor = self.layers(code + self.bias)
        return logits

    def loss(self, batch: Bag) -> Tensor:
        tracks, offsets = batch
        logits, sizes = self.forward(tracks, offsets), offsets.diff()
        owners = torch.repeat_interleave(torch.arange(len(sizes)), sizes)
        partition = torch.logsumexp(logits, dim=1) * sizes
        return (partition.sum() - logits[owners, tracks].sum()) / len(sizes)

    def optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=LEARNING_RATE, fused=True)

    def data(self, interactions: sparse.csr_matrix, generator: torch.Generator) -> DataLoader[int]:
        def bag(users: list[int]) -> Bag:
            return _bag(interactions[users])

        users = Users(interactions.shape[0])
        return DataLoader(users, BATCH, shuffle=True, generator=generator, collate_fn=bag)

    @torch.no_grad()
    def scores(self, interactions: sparse.csr_matrix) -> Tensor:
        """Logits of all users of the matrix, at once."""
        self.eval()
        return self.forward(*_bag(interactions))


def _bag(rows: sparse.csr_matrix) -> Bag:
    tracks, offsets = (part.astype(np.int64) for part in (rows.indices, rows.indptr))
    return torch.from_numpy(tracks), torch.from_numpy(offsets)


def curve(held: HeldOut, seed: int, most: int, patience: int) -> Iterator[tuple[Epoch, float]]:
    """Epochs, and the held-out NDCG@50 after each.

    At most `most` epochs; fewer if `patience` of them in a row bring no better one.
    """
    model = Sparse(new_model(held.train.n_tracks, seed))
    best, since = -1.0, 0
    for number, epoch in enumerate(train(model, learned_from(held), seed), start=1):
        ndcg = held_out_ndcg(model, held)
        yield epoch, ndcg
        best, since = max(best, ndcg), 0 if ndcg > best else since + 1
        if number == most or since == patience:
            return


def held_out_ndcg(model: Baseline, held: HeldOut) -> float:
    """NDCG@50 over the users with something held out; their other tracks are not offered."""
    lists = argsort_lists(model, held.seen, exclude_input=True)
    return float(ranking_metrics(lists, held.wanted).ndcg.mean())


@click.command()
@click.argument("data", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--epochs", type=click.IntRange(min=1), default=30, show_default=True)
@click.option("--patience", type=click.IntRange(min=1), default=5, show_default=True)
@click.option("--seed", default=31337, show_default=True)
def main(data: Path, epochs: int, patience: int, seed: int) -> None:
    """Train on DATA and print the curve, as JSON."""
    losses: list[float] = []
    curve_ndcg: list[float] = []
    held = split(matrix(data), seed)
    for epoch, ndcg in curve(held, seed, epochs, patience):
        losses.append(float(np.mean(epoch.losses)))
        curve_ndcg.append(ndcg)
        at = f"epoch {len(losses)}: loss {losses[-1]:.2f}, held-out NDCG@50 {ndcg:.4f}"
        click.echo(f"{at}, {epoch.seconds:.0f} s", err=True)
    click.echo(json.dumps({"losses": losses, "ndcg": curve_ndcg}))


if __name__ == "__main__":
    main()
