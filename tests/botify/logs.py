"""What tests of the event log share."""

import json
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
