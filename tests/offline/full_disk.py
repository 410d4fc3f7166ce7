"""A program that fills a small disk, and sees how commands end on it.

Arguments: a directory to mount a disk of a MiB on, and one with what commands need. Prints a JSON
object by command; each holds, for several rooms left on the disk, what came of it.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from offline.cli import main

TRIES = 6


def commands(out: str) -> dict[str, list[str]]:
    data = ["interactions", "--catalog", "tracks.json", "--out", out]
    return {
        "collect": ["collect", "log", "--out", out],
        "train": ["train", *data, "--config", "train.yml", "--sessions"],
        "export": ["export", "model", *data],
    }


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir()) if directory.exists() else []


def empty(disk: Path) -> None:
    for path in disk.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def fill(disk: Path, room: int) -> None:
    found = os.statvfs(disk)
    with (disk / "fill").open("wb") as file:
        file.write(bytes(max(0, found.f_bavail * found.f_frsize - room)))


def results(disk: Path, words: list[str]) -> list[dict[str, Any]]:
    page = os.sysconf("SC_PAGE_SIZE")
    assert CliRunner().invoke(main, words).exit_code == 0
    whole = names(disk / "out")
    used = sum(-(-p.stat().st_size // page) * page for p in disk.rglob("*") if p.is_file())
    found = []
    for number in range(TRIES):
        empty(disk)
        fill(disk, number * used // TRIES)
        done = CliRunner().invoke(main, words)
        failed = {
            "code": done.exit_code,
            "errors": done.stderr,
            "left": sorted({*names(disk)} - {"fill"}),
        }
        (disk / "fill").unlink()
        again = CliRunner().invoke(main, words)
        after = {"again": again.exit_code, "whole": names(disk / "out") == whole}
        found.append(failed | after | {"beside": names(disk)})
    empty(disk)
    return found


if __name__ == "__main__":
    disk, base = map(Path, sys.argv[1:])
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", disk], check=True)
    os.chdir(base)
    words = commands(str(disk / "out"))
    print(json.dumps({name: results(disk, line) for name, line in words.items()}))
