"""`botify-offline similarity`, run as a program."""

import csv
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

NEAREST = 50
SEED = 31337
FILES = {"user": "users.csv.gz", "item": "items.csv.gz"}
_LOOK_SECONDS = 1.0
_MEMORY = re.compile(r"([\d,]+) MB$")


class JobError(RuntimeError):
    """A job that cannot do its work; the message says why, in one line."""


@dataclass(frozen=True)
class Task:
    """What to train, and how."""

    model: str
    options: tuple[str, ...] = ()
    """OPTION=VALUE, each for --set."""

    def arguments(self) -> list[str]:
        """Of `botify-offline similarity`."""
        chosen = [word for option in self.options for word in ("--set", option)]
        nearest = ["--nearest-users", str(NEAREST), "--nearest-items", str(NEAREST)]
        return ["--model", self.model, "--seed", str(SEED), *nearest, *chosen]


@dataclass(frozen=True)
class Trained:
    """What the program wrote."""

    files: dict[str, Path]
    """The file of each kind of matrix, user and item."""
    note: str
    """What the matrices lack, if anything."""
    megabytes: int | None
    """The program's peak."""


def program() -> str:
    """`botify-offline`: BOTIFY_OFFLINE, else beside this Python, else on the PATH.

    Raises JobError where it is not installed.
    """
    beside = Path(sys.executable).with_name("botify-offline")
    named = os.environ.get("BOTIFY_OFFLINE") or (str(beside) if beside.exists() else "")
    found = shutil.which(named or "botify-offline")
    if found is None:
        raise JobError(
            f"{named or 'botify-offline'} is not installed here: install the extra `offline`, "
            "or run the job where it is, with --url and --token"
        )
    return found


def train(task: Task, folder: Path, alive: Callable[[], object]) -> Trained:
    """Train on `folder`/ratings.csv; calls `alive` each second.

    Raises JobError where the program fails, and whatever `alive` raises; the program is ended.
    """
    out = folder / "similar"
    command = [program(), "similarity", "ratings.csv", "--out", out.name, *task.arguments()]
    if shutil.which("nice"):
        command = ["nice", "-n", "10", *command]  # pages go first
    log = folder / "log"
    with log.open("wb") as stderr:
        shown = None if sys.stderr.isatty() else stderr
        running = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=shown
        )
        try:
            while True:
                try:
                    running.communicate(timeout=_LOOK_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    alive()
        finally:
            if running.poll() is None:
                running.kill()
                running.wait()
    lines = log.read_text(errors="replace").replace("\r", "\n").split("\n")
    said = [line.strip() for line in lines if line.strip()]
    if running.returncode:
        last = said[-1] if said else "it said nothing"
        raise JobError(f"botify-offline ended with {running.returncode}: {last[:500]}")
    memory = _MEMORY.search(said[-1]) if said else None
    return Trained(
        {kind: out / name for kind, name in FILES.items()},
        _note(out / "manifest.json"),
        int(memory[1].replace(",", "")) if memory else None,
    )


def _note(manifest: Path) -> str:
    matrices = json.loads(manifest.read_text(encoding="utf-8"))["matrices"]
    words = {"user": "people", "item": "items"}
    return "; ".join(
        f"{facts['rows_without_any']} of {facts['rows']} {words[kind]} have no neighbour"
        for kind, name in FILES.items()
        if (facts := matrices[name])["rows_without_any"]
    )


def cells(path: Path) -> Iterator[tuple[int, int, float]]:
    """Row, column and value of each line of a matrix."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as text:
        lines = csv.reader(text)
        next(lines)
        for row, column, value in lines:
            yield int(row), int(column), float(value)
