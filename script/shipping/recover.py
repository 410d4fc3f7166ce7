"""Completes what a killed run left unfinished."""

import time
from collections.abc import Collection, Sequence

from script.shipping.errors import ShipError, UnavailableError
from script.shipping.manifest import (
    DIRECTORY,
    REPLACES,
    Manifest,
    Record,
    read_manifest,
    read_records,
)
from script.shipping.targets.base import Target
from script.shipping.transfer import INCOMING, publish, put, waiting

LEFTOVER_SECONDS = 3600.0
"""Uploads of other hosts that are older and have no record belong to no running process."""


def recover(target: Target, owner: str) -> Manifest:
    """The record of the target, after moving everything in it into place.

    `owner` identifies the holder of the target's lock: its uploads without a record are those of
    killed runs, and are removed.
    """
    names = target.list(DIRECTORY)
    for name in names:
        # It never became a record; a delayed request must not make it one now.
        if name.startswith("."):
            target.delete(f"{DIRECTORY}/{name}")
    for name in sorted(name for name in names if _replaces(name))[-1:]:
        finish(target, name, read_records(target, name))
    manifest = read_manifest(target)
    there = {f"{INCOMING}/{name}" for name in target.list(INCOMING)}
    recorded = set()
    for files in manifest.files.values():
        for file in files:
            recorded.add(waiting(file))
            if waiting(file) not in there:
                continue
            try:
                put(file, target)
            except UnavailableError:
                raise
            except ShipError:
                break  # the file it is to be appended to was changed; what compares them says so
    _sweep(target, owner, recorded)
    return manifest


def sweep(target: Target, owner: str) -> None:
    """Remove uploads without a record or, if no record can be read, old ones."""
    try:
        recover(target, owner)
    except UnavailableError:
        raise
    except ShipError:
        _sweep(target, "", ())


def _sweep(target: Target, owner: str, recorded: Collection[str]) -> None:
    for name, entry in target.list(INCOMING).items():
        path = f"{INCOMING}/{name}"
        is_own = bool(owner) and name.startswith(f"{owner}.")
        is_old = time.time() - entry.modified / 1000 > LEFTOVER_SECONDS
        if path not in recorded and (is_own or is_old):
            target.delete(path)


def finish(target: Target, name: str, records: Sequence[Record]) -> None:
    """Move the files of the records `name` into place, and remove everything else."""
    for record in records:
        publish(record, target)
    keep = {file.name for record in records for file in record.files}
    folders = {file.rpartition("/")[0] for file in keep if "/" in file}
    for folder in ("", *sorted(folders)):
        for inner in target.list(folder):
            path = f"{folder}/{inner}" if folder else inner
            if path not in keep and path not in folders and path != DIRECTORY:
                target.delete(path)
    final = f"{name.removesuffix(REPLACES)}.jsonl"
    for other in target.list(DIRECTORY):
        # The second exists if the last step below was done and its answer was lost.
        if other not in (name, final):
            target.delete(f"{DIRECTORY}/{other}")
    target.rename(f"{DIRECTORY}/{name}", f"{DIRECTORY}/{final}")


def _replaces(name: str) -> bool:
    return name.endswith(REPLACES) and not name.startswith(".")
