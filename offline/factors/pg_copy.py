"""Rows for PostgreSQL's binary COPY: https://www.postgresql.org/docs/current/sql-copy.html.

Each value has to be of exactly the column's type, as nothing is cast.
"""

import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
END = struct.pack(">h", -1)
_INT4 = 23
"""The number of the type of the elements of an array."""


def row(values: Sequence[bytes]) -> bytes:
    """A row, of values none of which is null."""
    parts = [struct.pack(">h", len(values))]
    for value in values:
        parts += (struct.pack(">i", len(value)), value)
    return b"".join(parts)


def int4(value: int) -> bytes:
    """An integer."""
    return struct.pack(">i", value)


def int4_array(values: NDArray[np.integer]) -> bytes:
    """An array of integers, of one dimension."""
    if not len(values):
        return struct.pack(">iii", 0, 0, _INT4)
    pairs = np.empty((len(values), 2), ">i4")
    pairs[:, 0], pairs[:, 1] = 4, values
    return struct.pack(">iiiii", 1, 0, _INT4, len(values), 1) + pairs.tobytes()


def halfvec(packed: bytes) -> bytes:
    """A vector of pgvector's type halfvec, from float16, little-endian."""
    numbers = np.frombuffer(packed, "<f2")
    return struct.pack(">hh", len(numbers), 0) + numbers.astype(">f2").tobytes()
