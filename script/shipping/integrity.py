"""Compares the record of a target with a listing of its files."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from script.shipping.checksums import Digest
from script.shipping.errors import InputError, IntegrityError
from script.shipping.manifest import DIRECTORY, Manifest, Piece, Record, Stored
from script.shipping.targets.base import Entry, Target
from script.shipping.transfer import LOG

_PART = re.compile(
    r"(data\.json\.|dt=[^/]*/data-)\d{8}T\d{6}Z-[0-9a-f]{8}(-x\d+)?(\.gz|\.zst|\.parquet)?"
)
_OF_RECOMMENDER = re.compile(rf"botify-recommender-[^/]*/{re.escape(LOG)}")
_MAX_NAMED = 20


@dataclass
class Comparison:
    """Differences: damaged files with what is wrong, parts without a record, and record files that
    were removed."""

    damaged: dict[str, str] = field(default_factory=dict)
    unrecorded: list[str] = field(default_factory=list)
    records: list[str] = field(default_factory=list)
    there: dict[str, Entry] = field(default_factory=dict)
    """All files listed in the places where parts are stored."""

    @property
    def agrees(self) -> bool:
        """Whether there are no differences."""
        return not (self.damaged or self.unrecorded or self.records)


class IntegrityCheck:
    """Compares a target with its record, in every round.

    A file with the size and time of its record counts as verified; if the time differs, its
    checksum is computed, once.
    """

    def __init__(self, target: Target, by_recommender: bool) -> None:
        self._target = target
        self._part = _OF_RECOMMENDER if by_recommender else _PART
        self._folder = "botify-recommender-" if by_recommender else "dt="
        self._checked: dict[str, Entry] = {}

    def _listing(self, manifest: Manifest) -> dict[str, Entry]:
        found = self._target.list()
        folders = {name.rpartition("/")[0] for name in manifest.files if "/" in name}
        folders |= {name for name in found if name.startswith(self._folder)}
        for folder in sorted(name for name in folders & found.keys() if found[name].is_directory):
            for name, entry in self._target.list(folder).items():
                found[f"{folder}/{name}"] = entry
        return found

    def compare(self, manifest: Manifest) -> Comparison:
        """Raises ShipError if the target cannot be read."""
        files = manifest.files
        there = self._listing(manifest)
        result = Comparison(there=there)
        for name, parts in files.items():
            if why := self._damage(name, parts, there.get(name)):
                result.damaged[name] = why
        result.unrecorded = sorted(
            name for name in there if name not in files and self._part.fullmatch(name)
        )
        if manifest.names:
            records = self._target.list(DIRECTORY)
            result.records = [name for name in manifest.names if name not in records]
        return result

    def _damage(self, name: str, parts: list[Stored], entry: Entry | None) -> str | None:
        if entry is None:
            return "is missing"
        size = parts[-1].start + parts[-1].bytes
        if entry.size != size:
            return f"has {entry.size} bytes, not {size}"
        if entry.modified == parts[-1].modified or self._checked.get(name) == entry:
            return None
        if not all(self._is_same(name, part) for part in parts):
            return "holds other bytes than were sent"
        self._checked[name] = entry
        return None

    def _is_same(self, name: str, part: Stored) -> bool:
        if part.sealed and part.sealed == self._target.checksum(name, part.start, part.bytes):
            return True
        # The block size differs: it was copied to another cluster and back, or the record is old.
        return not part.start and Digest(self._target.read(name)).checksum == part.checksum


def records_of(names: Collection[str], manifest: Manifest) -> list[Record]:
    """The records of any of these files."""
    return [
        record for record in manifest.records if any(file.name in names for file in record.files)
    ]


def integrity_error(
    target: Target, damaged: dict[str, str], manifest: Manifest, lost: Sequence[Piece] = ()
) -> IntegrityError:
    """The error for missing or damaged files; no log has the pieces `lost`."""
    named = [f"{name} {why}" for name, why in sorted(damaged.items())[:_MAX_NAMED]]
    more = f" and {len(damaged) - _MAX_NAMED} more" if len(damaged) > _MAX_NAMED else ""
    pieces = [piece for record in records_of(damaged, manifest) for piece in record.pieces]
    remedy = "use --resend to send their lines again"
    if lost:
        gone = sorted({f"{piece.name} (bytes {piece.start} to {piece.end})" for piece in lost})
        remedy = f"no log here still has the lines of {', '.join(gone[:_MAX_NAMED])}"
    return IntegrityError(
        f"{target}: shipped lines are missing or damaged: {', '.join(named)}{more}; {remedy}",
        frozenset(piece.first for piece in pieces),
    )


def unrecorded_error(target: Target, names: list[str]) -> InputError:
    """The error for parts without a record."""
    shown = ", ".join(names[:_MAX_NAMED]) + (" and more" if len(names) > _MAX_NAMED else "")
    return InputError(
        f"{shown} in {target}: no record in {DIRECTORY}/ says which lines they hold, so these "
        "could be sent twice; restore the record, name another directory, or replace "
        "everything there with --cleanup (log2hdfs)"
    )
