"""Owners' ids: what a data set calls its users and items, by their dense numbers."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Id = int | str


class Ids:
    """Ids of one type, whole numbers or text; number n, a row of its table, stands for `ids[n]`.

    Examples
    --------
    >>> from offline.data.ids import Ids
    >>> ids = Ids(["beans", "rice"])
    >>> ids[1], ids.number_of("rice"), ids.number_of("tea"), list(ids)
    ('rice', 1, None, ['beans', 'rice'])
    """

    def __init__(self, values: Any) -> None:
        array = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values)
        if isinstance(array, pa.ChunkedArray):
            array = array.combine_chunks()
        if not pa.types.is_integer(array.type):
            array = array.cast(pa.string() if array.nbytes < 2**30 else pa.large_string())
        self.array: pa.Array = array
        """int64 or string, shape (n,)."""

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, number: int) -> Id:
        found: Id = self.array[int(number)].as_py()
        return found

    def __iter__(self) -> Any:
        return iter(self.array.to_pylist())

    @property
    def are_text(self) -> bool:
        """Whether the ids are text; otherwise they are whole numbers."""
        return not pa.types.is_integer(self.array.type)

    @cached_property
    def values(self) -> npt.NDArray[Any]:
        """As a NumPy array: int64, or objects of type str."""
        found: npt.NDArray[Any] = self.array.to_numpy(zero_copy_only=False)
        return found

    def take(self, numbers: npt.NDArray[np.integer[Any]]) -> list[Id]:
        """The ids of some numbers, each 0 to n-1."""
        found: list[Id] = self.array.take(pa.array(numbers)).to_pylist()
        return found

    def numbers_of(self, ids: Iterable[Id]) -> npt.NDArray[np.int64]:
        """The number of each id, -1 for one that is not there; shape (number of ids,)."""
        sought = pa.array(list(ids), type=self.array.type)
        found = pc.fill_null(pc.index_in(sought, value_set=self.array), -1)
        return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.int64)

    def number_of(self, written: Id) -> int | None:
        """The number of one id, or of its text as typed in a shell or a URL; None: not there."""
        text = str(written)
        if self.are_text:
            sought: Id = text
        elif text.lstrip("-").isdecimal() and abs(int(text)) < 2**63:
            sought = int(text)
        else:
            return None
        number = int(self.numbers_of([sought])[0])
        return None if number < 0 else number
