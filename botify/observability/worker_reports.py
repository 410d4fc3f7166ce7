"""The reports of all workers, in files from which the parent reads them."""

import os
from contextlib import suppress
from pathlib import Path

from pydantic import TypeAdapter

from botify.observability.health import WorkerReport

_STATE = TypeAdapter(WorkerReport)


def write_report(directory: Path, state: WorkerReport) -> None:
    """Replace this process's report; does nothing if the disk refuses."""
    path = directory / f"state_{os.getpid()}.json"
    aside = path.with_suffix(".new")
    with suppress(OSError):
        # pydantic does not know read-only mappings.
        aside.write_bytes(_STATE.dump_json(state, fallback=dict, warnings=False))
        aside.replace(path)


def read_reports(directory: Path) -> list[WorkerReport]:
    """The latest report of each living process."""
    found = []
    for path in sorted(directory.glob("state_*.json")):
        if not is_alive(int(path.stem.removeprefix("state_"))):
            path.unlink(missing_ok=True)
            continue
        with suppress(OSError, ValueError):  # gone meanwhile, or cut off by a full disk
            found.append(_STATE.validate_json(path.read_bytes()))
    return found


def is_alive(pid: int) -> bool:
    """Whether one of our processes has this id."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):  # gone; the id may be another process's now
        return False
    return True
