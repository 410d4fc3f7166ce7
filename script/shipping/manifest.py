"""The record of what was shipped; it is stored at the target, beside the files it describes.

A record is written after the files of its part were uploaded to `_incoming/` and verified, and
before they are moved into place. So whatever a killed run leaves can be told apart: a file in
`_incoming/` with a record is moved into place by the next run, one without was never shipped.
Readers of Hadoop and Spark ignore names that begin with `_`.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from script.shipping.checksums import Digest
from script.shipping.errors import ShipError
from script.shipping.targets.base import Target

DIRECTORY = "_manifest"
REPLACES = ".replaces.jsonl"
"""Suffix of a record after which nothing else may remain at the target."""
_MAX_RECORD_FILES = 64


@dataclass(frozen=True)
class Piece:
    """The bytes [start, end) of a log; `source` is its id, which stays when it is renamed."""

    source: str
    name: str
    start: int
    end: int
    first: str
    check: str
    """`LogFile.first`, and `LogFile.check(end)`."""
    follows: str | None = None
    """The source of the bytes before `start`, if the log was truncated there."""


@dataclass(frozen=True)
class Stored:
    """A file at the target, or what one part added to it."""

    name: str
    bytes: int
    checksum: str
    """`Digest.checksum` of its bytes."""
    start: int = 0
    """Where in the file these bytes begin: log2local appends to the log of a recommender."""
    upload: str = ""
    """Its name in `_incoming/`."""
    modified: int = 0
    sealed: str = ""
    """`Seal` of the target, when it was verified."""


@dataclass(frozen=True)
class Record:
    """A part: its files, and the pieces of logs in them, in this order."""

    files: tuple[Stored, ...]
    pieces: tuple[Piece, ...]
    at: str
    """When, as ISO 8601 in UTC."""

    @property
    def key(self) -> tuple[str, int]:
        """Unique among parts."""
        return self.files[0].name, self.files[0].start

    def as_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False) + "\n"

    @classmethod
    def of(cls, value: dict[str, Any]) -> "Record":
        return cls(
            files=tuple(Stored(**fields) for fields in value["files"]),
            pieces=tuple(Piece(**fields) for fields in value["pieces"]),
            at=value["at"],
        )


@dataclass(frozen=True)
class Known:
    """A log of which the first `end` bytes were shipped."""

    source: str
    name: str
    end: int
    first: str
    check: str


class Manifest:
    """All records of a target, and the files that they are in."""

    def __init__(self, records: Iterable[Record] = (), names: Iterable[str] = ()) -> None:
        self.records: list[Record] = []
        self.names = list(names)
        self._known: dict[str, Known] = {}
        self._ends: dict[str, int] = {}
        for record in records:
            self.add(record)

    def add(self, record: Record) -> None:
        self.records.append(record)
        for file in record.files:
            self._ends[file.name] = max(self.end_of(file.name), file.start + file.bytes)
        for piece in record.pieces:
            known = self._known.get(piece.source)
            if known is None or known.end < piece.end:
                self._known[piece.source] = Known(
                    piece.source, piece.name, piece.end, piece.first, piece.check
                )

    def known(self) -> dict[str, list[Known]]:
        """The logs by `first`, starting with those of which most was shipped."""
        found: dict[str, list[Known]] = {}
        for known in sorted(self._known.values(), key=lambda known: -known.end):
            found.setdefault(known.first, []).append(known)
        return found

    @property
    def files(self) -> dict[str, list[Stored]]:
        """The files of the target by name, with the parts of a file that grew, in order."""
        found: dict[str, list[Stored]] = {}
        for record in self.records:
            for file in record.files:
                found.setdefault(file.name, []).append(file)
        for parts in found.values():
            parts.sort(key=lambda file: file.start)
        return found

    def end_of(self, name: str) -> int:
        """How many bytes the file has by now."""
        return self._ends.get(name, 0)

    def joined(self, other: "Manifest") -> "Manifest":
        """The records of both; the files are those of the other."""
        records = {record.key: record for record in [*self.records, *other.records]}
        return Manifest(records.values(), other.names)

    def without(self, dropped: Collection[Record]) -> "Manifest":
        """The other records."""
        return Manifest((record for record in self.records if record not in dropped), self.names)

    def has(self, piece: Piece) -> bool:
        """Whether some part has all bytes of a piece."""
        return any(
            other.source == piece.source and other.start <= piece.start and other.end >= piece.end
            for record in self.records
            for other in record.pieces
        )

    def pieces_of(self, source: str) -> list[tuple[Record, Piece]]:
        """Where the bytes of a log are, from its first on."""
        found = [
            (record, piece)
            for record in self.records
            for piece in record.pieces
            if piece.source == source
        ]
        return sorted(found, key=lambda pair: pair[1].start)


def read_manifest(target: Target) -> Manifest:
    """Every record at the target. Raises ShipError for one that cannot be read."""
    names = sorted(name for name in target.list(DIRECTORY) if not name.startswith("."))
    # A merged record exists twice if the run that merged it was killed.
    records = {record.key: record for name in names for record in read_records(target, name)}
    return Manifest(records.values(), names)


def write_records(
    target: Target, name: str, records: Sequence[Record], beside: Collection[str] | None = None
) -> None:
    """Write records to a file of `_manifest/` in one step.

    Raises ShipError if the record files there differ from `beside`: the target may have been
    renamed, and the directory now in its place is not the one these records describe.
    """
    waiting, path = f"{DIRECTORY}/.{name}", f"{DIRECTORY}/{name}"
    content = "".join(record.as_json() for record in records).encode()
    target.write(waiting, (content,))
    target.verify(waiting, Digest((content,)))  # a full HDFS may have dropped the content
    if beside is not None:
        # Listed together with what is renamed next, so no other directory can get the record.
        there = target.list(DIRECTORY)
        names = {other for other in there if not other.startswith(".")} - {name}
        if f".{name}" not in there or names != set(beside):
            raise ShipError(
                f"{target}: its record changed while lines were sent: another run wrote to it, "
                "or the directory was replaced; run the command again"
            )
    target.rename(waiting, path)


def merge(target: Target, manifest: Manifest, name: str) -> Manifest:
    """Merge all records into one file once there are many: reading each costs a round trip."""
    if len(manifest.names) <= _MAX_RECORD_FILES:
        return manifest
    return rewrite(target, manifest, name)


def rewrite(target: Target, manifest: Manifest, name: str) -> Manifest:
    """Write all records to one file, and remove the others."""
    write_records(target, name, manifest.records)
    for old in manifest.names:
        if old != name:
            target.delete(f"{DIRECTORY}/{old}")
    return Manifest(manifest.records, [name])


def read_records(target: Target, name: str) -> list[Record]:
    """The records in one file of `_manifest/`. Raises ShipError as read_manifest."""
    path = f"{DIRECTORY}/{name}"
    content = b"".join(target.read(path))
    found = []
    for number, line in enumerate(content.splitlines() or [b""], 1):
        try:
            found.append(Record.of(json.loads(line)))
        except (ValueError, KeyError, TypeError) as error:
            raise ShipError(
                f"{path}:{number} at {target}: not a record of shipped lines ({error}); "
                "restore it from a copy, or replace everything with --cleanup"
            ) from error
    return found
