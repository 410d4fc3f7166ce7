"""The split files of the LightGCN papers: a line for each user, `user item item ...`."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from offline.datasets.dataset import Dataset, pairs_to_csr
from offline.datasets.lines import read_lines, shown
from offline.errors import InputError

SOURCE = (
    "splits in this format, Gowalla among them, are in the repository of the paper's authors, "
    "https://github.com/kuandeng/LightGCN, under Data/"
)
_ALLOWED = b"0123456789 \t"
_LARGEST = 2**31 - 1


def load_lightgcn(directory: Path) -> Dataset:
    """Read `train.txt` and `test.txt`; ids are row and column numbers, from 0.

    A user may have no items, no line, or several lines; the order of lines, and of the items in
    one, says nothing. Raises InputError for a missing file, a malformed line (with its number), a
    pair that is there twice, in one file or in both, an empty file, and ids so large that they
    cannot be numbers without gaps.
    """
    if not directory.is_dir():
        raise InputError(f"{directory}: no such directory: {SOURCE}")
    parts = {name: read_pairs(directory / name) for name in ("train.txt", "test.txt")}
    n_pairs = sum(len(part.items) for part in parts.values())
    n_users = max(part.last_user for part in parts.values()) + 1
    n_items = max(int(part.items.max()) for part in parts.values()) + 1
    # A model holds something for every id below the largest.
    for what, count in (("user", n_users), ("item", n_items)):
        if count > 10 * n_pairs + 1000:
            raise InputError(
                f"{directory}: {what} id {count - 1} with {n_pairs} interactions in all: ids "
                f"must be numbers from 0 without large gaps: renumber the {what}s"
            )
    found: dict[str, sparse.csr_matrix] = {}
    for name, part in parts.items():
        found[name], again = pairs_to_csr(part.users, part.items, (n_users, n_items))
        if again:
            raise InputError(
                f"{directory / name}: user {again[0]} has item {again[1]} twice: keep it once"
            )
    train, test = found["train.txt"], found["test.txt"]
    both = train.multiply(test).tocoo()
    if both.nnz:
        raise InputError(
            f"{directory}: user {both.row[0]} has item {both.col[0]} in train.txt and in "
            "test.txt: what is tested must not be trained on; take it out of one"
        )
    return Dataset(directory.resolve().name, train, test, np.arange(n_users), np.arange(n_items))


class Pairs(NamedTuple):
    """User, item and line of each pair of a file, shape (n,)."""

    users: NDArray[np.int64]
    items: NDArray[np.int64]
    lines: NDArray[np.int64]
    last_user: int
    """The largest id of a user, of one without items too."""


def read_pairs(path: Path) -> Pairs:
    """The pairs of one file; raises InputError for a malformed line, and where there is none."""
    lines = read_lines(path, SOURCE)
    owners: list[int] = []
    places: list[int] = []
    sizes: list[int] = []
    items: list[int] = []
    for number, line in enumerate(lines, 1):
        if line.translate(None, _ALLOWED):
            raise InputError(_complaint(path, number, line))
        words = line.split()
        if not words:
            continue
        ids = list(map(int, words))
        if max(ids) > _LARGEST:
            raise InputError(f"{path}:{number}: id {max(ids)} is too large: ids start at 0")
        owners.append(ids[0])
        places.append(number)
        sizes.append(len(ids) - 1)
        items += ids[1:]
    if not items:
        raise InputError(f"{path}: no interactions: a line is `user item item ...`")
    return Pairs(
        np.repeat(owners, sizes),
        np.array(items, dtype=np.int64),
        np.repeat(places, sizes),
        max(owners),
    )


def _complaint(path: Path, number: int, line: bytes) -> str:
    word = next((word for word in line.split() if not word.isdigit()), line)
    return (
        f"{path}:{number}: {shown(word)} is not an id: a line is `user item item ...`, whole "
        "numbers from 0"
    )
