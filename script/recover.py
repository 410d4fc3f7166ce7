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
    # One that is still hidden was not written to its end.
    names = (name for name in target.list(DIRECTORY) if not name.startswith("."))
    for name in sorted(name for name in names if name.endswith(REPLACES))[-1:]:
        finish(target, name, read_records(target, name))
    manifest = read_manifest(target)
    recorded = {waiting(file.name): file.name for r in manifest.records for file in r.files}
    for name, entry in target.list(INCOMING).items():
        path = f"{INCOMING}/{name}"
        if path in recorded:
            target.rename(path, recorded[path])
        elif time.time() - entry.modified > LEFTOVER_SECONDS:
            target.delete(path)
    return manifest


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
