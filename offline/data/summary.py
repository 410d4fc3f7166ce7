"""What is known of a directory of interactions: `interactions.json`."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contract.interactions import FORM, SUMMARY
from offline.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The result of `collect` and of `import`."""

    format: str
    """What the files were: `botify-log`, `csv`, `ml-1m` ..."""
    files: tuple[str, ...]
    lines: int
    """Lines or rows read, bad ones included."""
    bad_lines: int = 0
    users_seen: int
    """Rows of `users.parquet`."""
    users_left_out: int = 0
    """Users of a music log whose id does not fit 64 bits."""
    users: int
    """Users with an interaction."""
    items: int
    """Items with an interaction."""
    interactions: int
    """Rows of `interactions.parquet`."""
    repeats: int = 0
    """Rows of a user, item and kind that had one already: they are one interaction."""
    first_timestamp: int | None = None
    last_timestamp: int | None = None
    """Both in ms since the epoch; None: no row has a time."""
    threshold: float | None = None
    """Share of a play above which it is an interaction; None: these are no plays."""
    liked_from: float | None = None
    """The value from which an interaction is a like; None: every value above 0 is."""
    fingerprint: str
    """SHA-256 of the tables' values and `liked_from`: the same data has the same, whatever the
    files."""
    faults: Mapping[str, int] = field(default_factory=dict)
    """Bad lines by their fault."""
    dropped: Mapping[str, int] = field(default_factory=dict)
    """Rows left out that are not bad, by the reason."""
    selection: tuple[Mapping[str, str | int], ...] = ()
    """Of a database: `rows`, `users` and `items` before the filter, and after each bound."""
    notes: tuple[str, ...] = ()
    """Assumptions about the files, and what was left out of them."""
    form: int = FORM

    def write(self, directory: Path) -> None:
        """Write `interactions.json`."""
        (directory / SUMMARY).write_text(json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Read `interactions.json`; raises InputError where it is missing, damaged, or older."""
        path = directory / SUMMARY
        try:
            fields = json.loads(path.read_text())
            if fields.get("form", 1) != FORM:
                raise InputError(
                    f"{directory}: its tables are of another version of botify (form "
                    f"{fields.get('form', 1)}; this one reads {FORM}): collect again, or import"
                )
            lists = {"files": tuple(fields["files"]), "notes": tuple(fields["notes"])}
            lists["selection"] = tuple(fields.get("selection", ()))
            return cls(**{**fields, **lists})
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise InputError(
                f"{path}: missing or damaged ({error}): collect again, or import"
            ) from error


def fingerprint(directory: Path, tables: tuple[str, ...], liked_from: float | None = None) -> str:
    """SHA-256 of the values of some tables in the directory, and of what counts as a like."""
    digest = hashlib.sha256(b"" if liked_from is None else f"liked {liked_from}".encode())
    for name in tables:
        file = pq.ParquetFile(directory / f"{name}.parquet")
        digest.update(" ".join([name, *file.schema_arrow.names]).encode())
        # A number of rows that does not depend on how the file was written.
        for batch in file.iter_batches(batch_size=2**20):
            for column in batch.columns:
                _add(digest, column)
    return digest.hexdigest()


def _add(digest: "hashlib._Hash", column: pa.Array) -> None:
    if column.null_count:
        digest.update(np.packbits(column.is_null().to_numpy(zero_copy_only=False)).data)
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        values = column.fill_null(0) if column.null_count else column
        digest.update(np.ascontiguousarray(values.to_numpy(zero_copy_only=False)).data)
        return
    texts = pc.fill_null(column.cast(pa.large_string()), "")
    lengths = pc.binary_length(texts).to_numpy(zero_copy_only=False)
    digest.update(np.ascontiguousarray(lengths).data)
    digest.update("".join(texts.to_pylist()).encode())
