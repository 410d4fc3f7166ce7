"""Likes of any format, to measure models on."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from scipy import sparse

from offline.data.interactions import Interactions
from offline.datasets.dataset import Dataset
from offline.errors import InputError
from offline.importing.load import load_source
from offline.importing.registry import FORMATS, make_format
from offline.importing.source import Columns, DataFormat

_SPLIT = {"train", "test"}
_LOGS = "botify-log"


class _Loaders(Mapping[str, Callable[[Path], Dataset]]):
    """What reads a data set, by the name of its format."""

    def __getitem__(self, name: str) -> Callable[[Path], Dataset]:
        return partial(_load, name)

    def __iter__(self) -> Iterator[str]:
        return (name for name in FORMATS.names if name != _LOGS)

    def __len__(self) -> int:
        return len(list(iter(self)))


LOADERS: Mapping[str, Callable[[Path], Dataset]] = _Loaders()


def _load(name: str, source: Path) -> Dataset:
    return dataset_of(make_format(name), source)


def dataset_of(form: DataFormat, source: Path) -> Dataset:
    """The likes of a source; split where kinds say so, `train` and `test`. Raises InputError."""
    own = form.dataset(source)
    if own is not None:
        return own
    with tempfile.TemporaryDirectory() as scratch:
        load_source(form.open(source, Columns()), Path(scratch) / "data", form.name)
        return likes_of(Interactions.load(Path(scratch) / "data"), source.resolve().name)


def likes_of(data: Interactions, name: str) -> Dataset:
    """The likes of interactions; kinds `train` and `test`, and no other, are a published split.

    Raises InputError where a pair is in both.
    """
    ids = data.users.values, data.items.values
    if set(data.kind.unique().to_pylist()) != _SPLIT:
        whole: sparse.csr_matrix = data.matrix()
        return Dataset(name, whole, None, *ids, timestamps=data.likes().timestamp)
    train, test = (data.matrix(kinds=[kind]) for kind in ("train", "test"))
    both = train.multiply(test).tocoo()
    if both.nnz:
        user, item = data.users[both.row[0]], data.items[both.col[0]]
        raise InputError(
            f"{name}: user {user} has item {item} in train and in test: what is tested must not "
            "be trained on; take it out of one and import again"
        )
    return Dataset(name, train, test, *ids)
