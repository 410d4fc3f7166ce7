"""Files written block by block; after an interruption writing resumes at the last block."""

import fcntl
import json
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from offline.errors import InputError

RECIPE, LOCK = "about.json", "lock"


@contextmanager
def work_directory(directory: Path, about: dict[str, Any]) -> Iterator[Path]:
    """A directory for `append_blocks`, held by this process alone; it stays when the context ends.

    What is there from earlier is kept where it is of the same `about`, else deleted. Raises
    InputError where another process holds it, or where it holds something else.
    """
    directory.mkdir(parents=True, exist_ok=True)
    found = {path.name for path in directory.iterdir()} - {LOCK}
    if found and not any(name.startswith(RECIPE) for name in found):
        raise InputError(f"{directory} holds other files: move them away")
    with (directory / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"{directory} is in use: wait until the other run is done") from None
        if _read(directory / RECIPE) != about:
            # Files of the old one are deleted first, in case this is interrupted too.
            for name in sorted(found, key=lambda name: name == RECIPE):
                (directory / name).unlink()
            _replace(directory / RECIPE, about)
        yield directory


def completed(path: Path) -> int:
    """How much of the file is finished, in the units of `append_blocks`."""
    return _state(path).done


def append_blocks(
    path: Path,
    parts: Iterable[slice],
    text: Callable[[slice], str],
    on_part: Callable[[int], object] = lambda count: None,
) -> None:
    """Write `text(part)` of all parts, one after another, into a file in a work directory.

    `parts` follow each other from `completed(path)` on. A part is either on the disk and counted,
    or written anew by the next call. `on_part` is called with the length of each finished part.
    """
    state = _state(path)
    with path.open("ab") as file:
        file.truncate(state.bytes)
        sum_ = state.sum
        for part in parts:
            added = text(part).encode()
            file.write(added)
            file.flush()
            os.fsync(file.fileno())
            sum_ = zlib.crc32(added, sum_)
            _replace(_state_path(path), _State(part.stop, file.tell(), sum_).sealed())
            on_part(part.stop - part.start)


def _state_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.done")


class _State(NamedTuple):
    done: int
    bytes: int
    """Of the file that hold what is done."""
    sum: int
    """CRC-32 of these bytes."""

    def sealed(self) -> dict[str, Any]:
        return self._asdict() | {"check": zlib.crc32(repr(self).encode())}


def _state(path: Path) -> _State:
    """The finished blocks; none if the file or its record is damaged."""
    nothing = _State(0, 0, 0)
    found = _read(_state_path(path))
    try:
        state = _State(**{name: (found or {})[name] for name in _State._fields})
    except (KeyError, TypeError):
        return nothing
    if state.sealed() != found or not path.is_file() or path.stat().st_size < state.bytes:
        return nothing
    with path.open("rb") as file:
        sum_, left = 0, state.bytes
        while left and (block := file.read(min(left, 2**20))):
            sum_, left = zlib.crc32(block, sum_), left - len(block)
    return state if sum_ == state.sum else nothing


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except (FileNotFoundError, ValueError, RecursionError):
        return None
    return found


def _replace(path: Path, content: dict[str, Any]) -> None:
    new = path.with_name(f"{path.name}.new")
    new.write_text(json.dumps(content) + "\n")
    new.replace(path)
