"""What each worker knows, in files from which the parent process tells it."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

from botify.event_log import LogStatus
from botify.health import State


def share(directory: Path, state: State) -> None:
    """Replace what this process said before; nothing where the disk refuses."""
    path = directory / f"state_{os.getpid()}.json"
    aside = path.with_suffix(".new")
    values = {field.name: getattr(state, field.name) for field in fields(state)}
    plain: dict[str, Any] = {
        name: dict(value) if isinstance(value, Mapping) else value
        for name, value in values.items()
    }
    plain["log"] = state.log._asdict() | {"path": str(state.log.path)}
    with suppress(OSError):
        aside.write_text(json.dumps(plain), encoding="utf-8")
        aside.replace(path)


def shared(directory: Path) -> list[State]:
    """What all processes that live said last."""
    found = []
    for path in sorted(directory.glob("state_*.json")):
        if not is_alive(int(path.stem.removeprefix("state_"))):
            path.unlink(missing_ok=True)
            continue
        with suppress(OSError, ValueError):  # gone meanwhile, or a disk that was full
            plain = json.loads(path.read_text(encoding="utf-8"))
            log = plain.pop("log")
            found.append(State(**plain, log=LogStatus(**log | {"path": Path(log["path"])})))
    return found


def is_alive(pid: int) -> bool:
    """Whether one of our processes has this number."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):  # gone; its number may be another's now
        return False
    return True
