"""Text files of whole numbers in columns."""

import io
import re
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from offline.datasets.lines import read_lines, shown
from offline.errors import InputError


def read_numbers(
    path: Path, separator: str, columns: int, header: int, source: str
) -> NDArray[np.int64]:
    """Rows of a file, shape (n_rows, columns); `header` lines, which are no rows, are skipped.

    Raises InputError for a missing file, saying with `source` where to get it, for a line that is
    anything but `columns` non-negative whole numbers, with its number, for a row where a header
    should be, and for no rows.
    """
    lines = read_lines(path, source)
    row = re.compile(separator.join([r"[0-9]{1,18}"] * columns).encode())
    for at, line in enumerate(lines, 1):
        if (at > header) != (row.fullmatch(line) is not None):
            if at > header:
                raise InputError(
                    f"{path}:{at}: {shown(line)} is not {columns} whole numbers apart by "
                    f"{separator!r}"
                )
            raise InputError(
                f"{path}:{at}: {shown(line)} is in place of the column names: put the header back"
            )
    if len(lines) <= header:
        raise InputError(f"{path}: no rows: {source}")
    table = pd.read_csv(
        io.BytesIO(b"\n".join(lines[header:])),
        sep=separator[0],
        header=None,
        dtype=np.int64,
        # A separator of two characters looks like two with nothing between.
        usecols=range(0, columns * len(separator), len(separator)),
    )
    return table.to_numpy()
