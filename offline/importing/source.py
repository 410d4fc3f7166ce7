"""What a format finds in a source: its files of interactions and of items, and their columns."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

import pyarrow as pa

from offline.data.sessions import SessionData
from offline.datasets.dataset import Dataset
from offline.errors import InputError

Layout = Literal["text", "jsonl", "parquet", "table"]


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Which columns hold what; names as the files have them. None: not asked for.

    Examples
    --------
    >>> from offline import Columns
    >>> Columns(user="customer", item="sku").named
    {'user': 'customer', 'item': 'sku'}
    """

    user: str | None = None
    item: str | None = None
    value: str | None = None
    time: str | None = None
    kind: str | None = None
    title: str | None = None

    @property
    def named(self) -> dict[str, str]:
        """What is asked for, by role."""
        return {role: name for role, name in vars(self).items() if name is not None}


@dataclass(frozen=True, kw_only=True)
class File:
    """A file of rows."""

    path: Path
    layout: Layout = "text"
    columns: Columns = field(default_factory=Columns)
    names: tuple[str, ...] = ()
    """The columns of a text file without a header; empty: its first line names them."""
    delimiter: str = ","
    quote: str = '"'
    """ "" where quotation marks are no marks."""
    kind: str | None = None
    """Of every row, where no column says it."""
    table: pa.Table | None = None
    """For the layout `table`: rows in memory, with a column `line` of their places in `path`."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """What a format found."""

    files: tuple[File, ...]
    """Of interactions: `columns` must have a user and an item."""
    items: File | None = None
    """Of items: `columns.item` is the id, `columns.title` the title; the others go along."""
    liked_from: float | None = None
    """The value from which an interaction is a like; None: every value above 0 is."""
    notes: tuple[str, ...] = ()
    """What was guessed."""


class DataFormat(ABC):
    """A format of data: a class in the entry-point group `botify.datasets`.

    `offline.testing.check_dataset` checks one.
    """

    name: ClassVar[str]
    """As `--format` has it."""
    about: ClassVar[str]
    """One line: what it is, and which files it has."""
    home: ClassVar[str] = ""
    """Where to get the data; told where a file is missing."""
    generic: ClassVar[bool] = False
    """Whether columns may be named."""

    def recognises(self, source: Path) -> bool:
        """Whether these are files of the format, by their names. `source` exists."""
        return False

    @abstractmethod
    def open(self, source: Path, columns: Columns) -> Source:
        """Find the files and their columns; `columns` are those that were named.

        Raises InputError for a file or a column that is missing.
        """

    def dataset(self, source: Path) -> Dataset | None:
        """Likes to measure models on, where they are not those of an import. Raises InputError."""
        return None

    def sessions(self, source: Path) -> SessionData | None:
        """Sessions with a test part of their own, for next-item evaluation. Raises InputError."""
        return None

    def file(self, source: Path, name: str) -> Path:
        """A file of the source, which is a directory or a file beside it. Raises InputError."""
        path = folder_of(source) / name
        if not path.is_file():
            home = f": {self.home}" if self.home else ""
            raise InputError(f"{path}: no such file, which the format {self.name} needs{home}")
        return path


def folder_of(source: Path) -> Path:
    """The directory that a source is, or is in."""
    return source.parent if source.is_file() else source


def has_files(source: Path, names: Sequence[str]) -> bool:
    """Whether a directory has all these files, or the source is one of them, beside the others."""
    if not source.is_dir() and source.name not in names:
        return False
    return all((folder_of(source) / name).is_file() for name in names)
