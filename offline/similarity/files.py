"""The files of similarity: gzipped CSV, which a site reads without further libraries."""

import csv
import gzip
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from offline.atomic import new_directory
from offline.similarity.nearest import DECIMALS, Neighbours

MANIFEST = "manifest.json"
USERS, ITEMS = "users.csv.gz", "items.csv.gz"
HEADER = ("row", "column", "value")


@dataclass(frozen=True, eq=False)
class Matrix:
    """A matrix of similarities with the owner's ids."""

    file: str
    """Its name, `USERS` or `ITEMS`."""
    ids: Sequence[Any]
    """The id of each row."""
    asked: int
    """Neighbours asked for."""
    found: Neighbours

    def facts(self) -> dict[str, int]:
        """Counts for the manifest."""
        each = np.bincount(self.found.rows, minlength=len(self.ids))
        return {
            "rows": len(self.ids),
            "nearest": self.asked,
            "cells": len(self.found.rows),
            "rows_with_fewer": int((each < min(self.asked, max(len(self.ids) - 1, 0))).sum()),
            "rows_without_any": int((each == 0).sum()),
        }


def write_similarity(
    out: Path, matrices: Sequence[Matrix], about: Mapping[str, Any]
) -> dict[str, Any]:
    """Write the matrices and manifest.json into the directory `out`, whole or not at all.

    Each file has the columns row, column, value in the owner's ids, a row's largest value first;
    the same matrix gives the same bytes. Gives what the manifest says. Raises InputError for an
    `out` that holds something else, or that cannot be written.
    """
    said = {**about, "matrices": {matrix.file: matrix.facts() for matrix in matrices}}
    with new_directory(out, MANIFEST) as directory:
        for matrix in matrices:
            _write(directory / matrix.file, matrix)
        (directory / MANIFEST).write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
    return said


def _write(path: Path, matrix: Matrix) -> None:
    found = matrix.found
    with (
        path.open("wb") as raw,
        # Without a time and a name, equal matrices are equal files.
        gzip.GzipFile("", "wb", compresslevel=4, fileobj=raw, mtime=0) as packed,
        io.TextIOWrapper(packed, encoding="utf-8", newline="") as text,
    ):
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(HEADER)
        parts = (part.tolist() for part in found)
        ids = matrix.ids
        writer.writerows(
            (ids[row], ids[column], f"{value:.{DECIMALS}f}")
            for row, column, value in zip(*parts, strict=True)
        )
