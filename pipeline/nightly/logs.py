"""The files of an event log's directory."""

import os
import shutil
from pathlib import Path

from pipeline.nightly.directory import StopNightError

COMPRESSED = (".gz", ".zst")
_BLOCK = 1 << 16


def log_files(place: Path) -> list[Path]:
    """`data.json*` in the directory and below, but not where a data client is at work.

    Raises StopNightError for Parquet of a data client, which would be left out.
    """
    found = []
    for file in sorted(place.rglob("data*")):
        if any(part[0] in "_." for part in file.relative_to(place).parts) or not file.is_file():
            continue
        if file.suffix == ".parquet":
            raise StopNightError(f"{file}: of a log only data.json* is read, no Parquet")
        if file.name.startswith("data.json"):
            found.append(file)
    return found


def complete(file: Path, copy: Path) -> Path:
    """The file, or a copy without its last line if the service is still writing that one."""
    if file.suffix in COMPRESSED or not file.stat().st_size:
        return file
    with file.open("rb") as content:
        content.seek(-1, os.SEEK_END)
        if content.read() == b"\n":
            return file
    shutil.copyfile(file, copy)
    with copy.open("r+b") as content:
        end = copy.stat().st_size
        while end:
            start = max(0, end - _BLOCK)
            content.seek(start)
            if (found := content.read(end - start).rfind(b"\n")) >= 0:
                end = start + found + 1
                break
            end = start
        content.truncate(end)
    return copy
