"""Files that grow block by block and, after an interruption, from where they were."""

import fcntl
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from offline.errors import InputError

ABOUT, LOCK = "about.json", "lock"


@contextmanager
def work_directory(directory: Path, about: dict[str, Any]) -> Iterator[Path]:
    """A directory for `grow`, held by this process alone; it stays when the context ends.

    What is there from earlier is kept where it is of the same `about`, else deleted. Raises
    InputError where another process holds it, or where it holds something else.
    """
    directory.mkdir(parents=True, exist_ok=True)
    found = {path.name for path in directory.iterdir()} - {LOCK}
    if found and not any(name.startswith(ABOUT) for name in found):
        raise InputError(f"{directory} holds other files: move them away")
    with (directory / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"{directory} is in use: wait until the other run is done") from None
        if _read(directory / ABOUT) != about:
            # What belongs to the old one goes first, in case this is interrupted too.
            for name in sorted(found, key=lambda name: name == ABOUT):
                (directory / name).unlink()
            _replace(directory / ABOUT, about)
        yield directory


def done_of(path: Path) -> int:
    """How much of the file is there already, as `grow` counts."""
    return _state(path)[0]


def grow(
    path: Path,
    parts: Iterable[slice],
    text: Callable[[slice], str],
    on_part: Callable[[int], object] = lambda count: None,
) -> None:
    """Write `text(part)` of all parts, one after another, into a file in a work directory.

    `parts` follow each other from `done_of(path)` on. A part is either on the disk and counted,
    or written anew by the next call. `on_part` hears the length of each part when it is there.
    """
    _, size = _state(path)
    with path.open("ab") as file:
        file.truncate(size)
        for part in parts:
            file.write(text(part).encode())
            file.flush()
            os.fsync(file.fileno())
            _replace(_state_path(path), {"done": part.stop, "bytes": file.tell()})
            on_part(part.stop - part.start)


def _state_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.done")


def _state(path: Path) -> tuple[int, int]:
    """What is done, and the bytes of the file that hold it."""
    state = _read(_state_path(path))
    if state is None or not path.exists() or path.stat().st_size < state["bytes"]:
        return 0, 0
    return state["done"], state["bytes"]


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return found


def _replace(path: Path, content: dict[str, Any]) -> None:
    new = path.with_name(f"{path.name}.new")
    new.write_text(json.dumps(content) + "\n")
    new.replace(path)
