"""Text files of whole numbers in columns."""

import io
import re
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from offline.errors import InputError


def read_numbers(
    path: Path, separator: str, columns: int, header: int, source: str
) -> NDArray[np.int64]:
    """Rows of a file, shape (n_rows, columns); `header` lines are skipped.

    Raises InputError for a missing file, saying with `source` where to get it, and for a line
    that is anything but `columns` non-negative whole numbers, with its number; for no lines too.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file: {source}") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    number = r"[0-9]{1,18}"
    line = re.compile((separator.join([number] * columns) + r"\r?\n?").encode())
    at = 0
    for at, content in enumerate(text.splitlines(keepends=True), 1):
        if at > header and not line.fullmatch(content):
            shown = content[:60].decode("utf-8", "replace").strip()
            raise InputError(
                f"{path}:{at}: {shown!r} is not {columns} whole numbers apart by {separator!r}"
            )
    if at <= header:
        raise InputError(f"{path}: no rows: {source}")
    table = pd.read_csv(
        io.BytesIO(text),
        sep=separator[0],
        header=None,
        skiprows=header,
        dtype=np.int64,
        # A separator of two characters looks like two with nothing between.
        usecols=range(0, columns * len(separator), len(separator)),
    )
    return table.to_numpy()
