"""What tests of the event log share."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from botify.config import LogConfig

SMALL = LogConfig(rotate_bytes=1024, rotate_seconds=60, min_free_bytes=0)


class Clock:
    """Seconds since the epoch, moved by hand."""

    def __init__(self) -> None:
        self.now = 1_795_386_612.0

    def __call__(self) -> float:
        return self.now + 0.0  # a float of its own, as a real clock gives


def lines(directory: Path) -> list[dict[str, Any]]:
    """All events of the directory, file by file; every line must be one."""
    files = sorted(directory.glob("data.json*"))
    return [json.loads(line) for file in files for line in file.read_bytes().splitlines()]


def users(directory: Path) -> list[int]:
    return [event["user"] for event in lines(directory)]


@contextmanager
def full_disk(path: Path) -> Iterator[None]:
    """What this process writes to the open file `path` meets a full disk, /dev/full."""
    at = next(
        int(number)
        for number in os.listdir("/proc/self/fd")
        if os.path.realpath(f"/proc/self/fd/{number}") == str(path)
    )
    file, full = os.dup(at), os.open("/dev/full", os.O_RDWR)
    os.dup2(full, at)
    try:
        yield
    finally:
        os.dup2(file, at)
        os.close(file)
        os.close(full)


@contextmanager
def forked(work: Callable[[], object]) -> Iterator[int]:
    """A child that has done `work` and then lives until it is killed, here at the latest."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            work()
            os.write(writing, b".")
            signal.pause()
        finally:
            os._exit(1)
    os.close(writing)
    try:
        assert os.read(reading, 1) == b"."
        yield child
    finally:
        os.close(reading)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
