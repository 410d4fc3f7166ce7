"""Interactions for the benchmark of training, made from a seed: `python -m bench.train.data DIR`.

Each track belongs to one taste. A user has a few tastes and takes most tracks from them by
popularity, the others from the whole catalog by popularity, so a user's tracks predict the
missing ones. Users come in blocks, each with random streams of its own: memory stays flat, and a
large set begins with the whole blocks of a small one.

A directory holds `indptr.npy` (int64, n_users + 1) and `indices.npy` (int32, each user's tracks
sorted), the two arrays of a binary CSR matrix, and `about.json`.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from offline.atomic import new_directory

ABOUT = "about.json"
TASTES = 200
BLOCK = 10_000
# Of the items taken, the share that has nothing to do with the user's tastes.
_ELSEWHERE = 0.15
# Tracks of one taste, and tastes among users, have popularities of rank ^ -_TAIL.
_TAIL = 0.8
# After these rounds of drawing, a user's missing tracks come from the whole catalog.
_ROUNDS = 4
# Standard deviation of the log of a user's number of tracks, and the smallest number.
_SPREAD, _FEWEST = 0.6, 5


@dataclass(frozen=True)
class Size:
    """The size of a set of interactions, and its seed."""

    n_users: int = 10_000
    n_items: int = 50_000
    mean: int = 70
    """Items a user, on average."""
    seed: int = 31337


def made(directory: Path, size: Size) -> Path:
    """The directory with these interactions, written if they are not there yet."""
    about = directory / ABOUT
    if about.exists() and json.loads(about.read_text()) == asdict(size):
        return directory
    with new_directory(directory, ABOUT) as new:
        write(new, size)
    return directory


def write(directory: Path, size: Size) -> None:
    """Write the arrays block by block; only the users' bounds are held in memory."""
    counts = np.concatenate([_counts(size, block) for block, _ in _blocks(size)])
    indptr = _array(directory / "indptr.npy", np.int64, size.n_users + 1)
    np.cumsum(counts, out=indptr[1:])
    indices = _array(directory / "indices.npy", np.int32, int(indptr[-1]))
    catalog = Catalog(size)
    for block, users in _blocks(size):
        tracks = catalog.tracks(block, counts[users.start : users.stop])
        indices[indptr[users.start] : indptr[users.stop]] = tracks
    indptr.flush()
    indices.flush()
    (directory / ABOUT).write_text(json.dumps(asdict(size)))


def matrix(directory: Path) -> sparse.csr_matrix:
    """The interactions as a binary float32 matrix, user × item."""
    about = json.loads((directory / ABOUT).read_text())
    indptr, indices = (np.load(directory / f"{name}.npy") for name in ("indptr", "indices"))
    ones = np.ones(len(indices), dtype=np.float32)
    return sparse.csr_matrix((ones, indices, indptr), shape=(about["n_users"], about["n_items"]))


class Catalog:
    """Which taste each track belongs to, and how popular it is there."""

    def __init__(self, size: Size) -> None:
        self._size = size
        rng = np.random.default_rng(size.seed)
        # A taste without tracks has no weight: its share of the line below is empty.
        taste = np.sort(rng.integers(TASTES, size=size.n_items))
        self._order = rng.permutation(size.n_items).astype(np.int64)
        starts = np.searchsorted(taste, np.arange(TASTES + 1))
        rank = np.arange(size.n_items) - starts[taste] + 1
        # Tracks stand along a line, those of a taste side by side, each as long as it is popular.
        self._line = np.cumsum(rank**-_TAIL)
        self._bounds = np.concatenate([[0.0], self._line])[starts]
        liked = rng.permutation(np.arange(1, TASTES + 1) ** -_TAIL) * (np.diff(self._bounds) > 0)
        self._liked = np.cumsum(liked / liked.sum())

    def tracks(self, block: int, counts: NDArray[np.int64]) -> NDArray[np.int32]:
        """The items of a block's users, `counts[u]` different ones for user u, sorted by user."""
        rng = np.random.default_rng([self._size.seed, block, 1])
        tastes = np.searchsorted(self._liked, rng.random((len(counts), 3)) * self._liked[-1])
        first, second = np.sort(rng.random((2, len(counts))), axis=0)  # shares of the three
        keys = np.empty(0, dtype=np.int64)
        lacking, rounds = counts, 0
        while lacking.any():
            rounds += 1
            user = np.repeat(np.arange(len(counts)), lacking)
            u = rng.random(len(user))
            taste = tastes[user, (u > first[user]).astype(int) + (u > second[user])]
            low, high = self._bounds[taste], self._bounds[taste + 1]
            elsewhere = rng.random(len(user)) < (_ELSEWHERE if rounds <= _ROUNDS else 1.0)
            at = np.where(elsewhere, 0.0, low)
            at += rng.random(len(user)) * np.where(elsewhere, self._line[-1], high - low)
            place = np.minimum(np.searchsorted(self._line, at), self._size.n_items - 1)
            keys = np.sort(np.append(keys, user * self._size.n_items + self._order[place]))
            keys = keys[np.diff(keys, prepend=-1) > 0]
            lacking = counts - np.bincount(keys // self._size.n_items, minlength=len(counts))
        return (keys % self._size.n_items).astype(np.int32)


def _counts(size: Size, block: int) -> NDArray[np.int64]:
    """How many items each user of a block takes."""
    n = min(BLOCK, size.n_users - block * BLOCK)
    drawn = np.random.default_rng([size.seed, block, 0]).lognormal(
        np.log(size.mean) - _SPREAD**2 / 2, _SPREAD, size=BLOCK
    )[:n]
    most = max(_FEWEST, size.n_items // 10)
    return np.clip(np.rint(drawn), _FEWEST, most).astype(np.int64)


def _blocks(size: Size) -> Iterator[tuple[int, range]]:
    for block, at in enumerate(range(0, size.n_users, BLOCK)):
        yield block, range(at, min(at + BLOCK, size.n_users))


def _array(path: Path, dtype: type, length: int) -> np.memmap:
    return np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=(length,))


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--users", "n_users", type=click.IntRange(min=1), default=Size.n_users)
@click.option("--items", "n_items", type=click.IntRange(min=_FEWEST), default=Size.n_items)
@click.option("--mean", type=click.IntRange(min=1), default=Size.mean, help="Items a user.")
@click.option("--seed", default=Size.seed, show_default=True)
def main(directory: Path, **size: int) -> None:
    """Make a set of interactions."""
    made(directory, Size(**size))


if __name__ == "__main__":
    main()
