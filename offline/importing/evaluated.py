"""Likes of any format, to measure models on."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from scipy import sparse

from offline.data.interactions import Interactions
from offline.datasets.dataset import Dataset
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
        data = Interactions.load(Path(scratch) / "data")
    name = source.resolve().name
    if set(data.kind.cast("string").to_pylist()) == _SPLIT:
        train, test = data.matrix(kinds=["train"]), data.matrix(kinds=["test"])
        return Dataset(name, train, test, data.users.values, data.items.values)
    whole: sparse.csr_matrix = data.matrix()
    return Dataset(name, whole, None, data.users.values, data.items.values)
