"""Many events in one write: whole, cut anywhere by a full disk, or with no room to wait."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from botify.config import LogConfig
from botify.event_log.backlog import MAX_BACKLOG_BYTES
from botify.event_log.writer import EventLog

from ..logs import full_disk, users

EVENTS = [{"user": user} for user in range(5)]
LINE = len(b'{"user":0}\n')


def test_all_are_on_disk_in_one_write(
    make: Callable[..., EventLog], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = make()
    sizes: list[int] = []
    write = os.write

    def counted(descriptor: int, data: bytes) -> int:
        sizes.append(len(data))
        return write(descriptor, data)

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", counted)
        assert log.write_all(EVENTS) == 5
    assert sizes.count(5 * LINE) == 1
    assert log.write_all([]) == 0
    assert log.write_all([{"user": 7, "text": "x" * 2000}]) == 1  # beyond the limit of a file
    log.write({"user": 8})
    assert users(tmp_path / "log") == [0, 1, 2, 3, 4, 7, 8]
    assert len([*(tmp_path / "log").glob("data.json*")]) == 2
    assert log.status().written == 7


@pytest.mark.parametrize("cut", [0, 1, LINE - 1, LINE, LINE + 1, 3 * LINE, 5 * LINE - 1])
def test_the_rest_waits_wherever_the_disk_was_full(
    make: Callable[..., EventLog], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    log = make()
    write, left = os.write, [cut]

    def short(descriptor: int, data: bytes) -> int:
        if not data.startswith(b'{"user"') and left[0] == cut:
            return write(descriptor, data)  # of the spill file
        if not left[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        done = write(descriptor, data[: left[0]])
        left[0] -= done
        return done

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", short)
        assert log.write_all(EVENTS) == 5
    log.write({"user": 5})
    assert log.status().pending == 6 - cut // LINE
    log.tick()
    assert users(tmp_path / "log") == [0, 1, 2, 3, 4, 5]
    assert (log.status().written, log.status().lost) == (6, 0)


def test_what_has_no_room_is_told(make: Callable[..., EventLog], tmp_path: Path) -> None:
    log = make(options=LogConfig(), spill_places=())
    large = [{"user": user, "text": "x" * 2**20} for user in range(20)]
    kept = MAX_BACKLOG_BYTES // (2**20 + 200)
    with full_disk(log.status().path):
        assert log.write_all(large) == kept
        assert log.write_all(large[:1]) == 0
    log.tick()
    assert users(tmp_path / "log") == [*range(kept)]
