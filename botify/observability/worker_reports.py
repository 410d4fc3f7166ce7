"""What each worker knows, in files from which the parent process tells it."""

import os
from contextlib import suppress
from pathlib import Path

from pydantic import TypeAdapter

from botify.observability.health import State

_STATE = TypeAdapter(State)


def share_state(directory: Path, state: State) -> None:
    """Replace what this process said before; nothing where the disk refuses."""
    path = directory / f"state_{os.getpid()}.json"
    aside = path.with_suffix(".new")
    with suppress(OSError):
        # Mappings that may not be changed are not known to pydantic.
        aside.write_bytes(_STATE.dump_json(state, fallback=dict, warnings=False))
        aside.replace(path)


def shared(directory: Path) -> list[State]:
    """What all processes that live said last."""
    found = []
    for path in sorted(directory.glob("state_*.json")):
        if not is_alive(int(path.stem.removeprefix("state_"))):
            path.unlink(missing_ok=True)
            continue
        with suppress(OSError, ValueError):  # gone meanwhile, or a disk that was full
            found.append(_STATE.validate_json(path.read_bytes()))
    return found


def is_alive(pid: int) -> bool:
    """Whether one of our processes has this number."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):  # gone; its number may be another's now
        return False
    return True
