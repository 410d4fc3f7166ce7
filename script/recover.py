"""What a run that was killed left undone is done by the next one."""

import time
from collections.abc import Sequence

from script.manifest import DIRECTORY, REPLACES, Manifest, Record, read_manifest, read_records
from script.targets import Target
from script.transfer import INCOMING, publish, waiting

LEFTOVER_SECONDS = 3600.0
"""What waits without a record for longer is of no run that still goes on, of whatever host."""


def recover(target: Target) -> Manifest:
    """The record of the target, of which everything is in place then."""
    names = target.list(DIRECTORY)
    for name in names:
        # It was never a record; an old request that is still on its way must not make it one.
        if name.startswith("."):
            target.delete(f"{DIRECTORY}/{name}")
    for name in sorted(name for name in names if _replaces(name))[-1:]:
        finish(target, name, read_records(target, name))
    manifest = read_manifest(target)
    recorded = {waiting(file.name): file.name for r in manifest.records for file in r.files}
    for name in target.list(INCOMING):
        path = f"{INCOMING}/{name}"
        if path in recorded:
            target.rename(path, recorded[path])
    sweep(target)
    return manifest


def sweep(target: Target) -> None:
    """Remove what was uploaded long ago and has no record, once all that has one is in place."""
    for name, modified in target.list(INCOMING).items():
        if time.time() - modified > LEFTOVER_SECONDS:
            target.delete(f"{INCOMING}/{name}")


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
        # The second is there if the last step below was done, and its answer was lost.
        if other not in (name, final):
            target.delete(f"{DIRECTORY}/{other}")
    target.rename(f"{DIRECTORY}/{name}", f"{DIRECTORY}/{final}")


def _replaces(name: str) -> bool:
    return name.endswith(REPLACES) and not name.startswith(".")
