"""The directories of nights: what each step read and wrote, so that a night can be resumed.

A step writes to a temporary directory, which takes its place when the step has ended: a killed
step leaves nothing that a later run takes for a result.
"""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

REPORT = "step.json"


class StopNightError(Exception):
    """Why a night ends without a publication."""


@dataclass(frozen=True)
class Result:
    """What a step tells besides its files."""

    metrics: Mapping[str, float]
    skipped: str | None = None
    """Why there was nothing to do."""


@dataclass(frozen=True)
class Night:
    """A night and its directory."""

    day: date
    face: str
    out: Path

    @property
    def path(self) -> Path:
        return self.out / self.day.isoformat()

    @property
    def end(self) -> int:
        """The first ms since the epoch that is after the day of the night."""
        start = datetime(self.day.year, self.day.month, self.day.day, tzinfo=UTC)
        return int(start.timestamp() * 1000) + 86_400_000

    def step(self, name: str) -> Path:
        return self.path / name

    def report(self, name: str) -> dict[str, Any] | None:
        """What the step said when it last ended; None: it has not."""
        try:
            found: dict[str, Any] = json.loads((self.step(name) / REPORT).read_text())
        except FileNotFoundError:
            return None
        return found

    def run(
        self, name: str, inputs: Mapping[str, str], work: Callable[[Path], Result]
    ) -> dict[str, Any]:
        """Run a step, unless it is done with the same inputs and its outputs are as it left them.

        `work` gets a directory to fill, and raises StopNightError to end the night: that is
        recorded with what was written until then, and raised again. Returns the step's report.
        """
        before = self.report(name)
        if (
            before
            and before["status"] in ("done", "skipped")
            and before["inputs"] == dict(inputs)
            and before["outputs"] == outputs_of(self.step(name))
        ):
            return {**before, "resumed": True}
        self.path.mkdir(parents=True, exist_ok=True)
        for left in self.path.glob(f".{name}-*"):  # of a killed run: the lock is ours
            shutil.rmtree(left)
        aside = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=self.path))
        started, reason, status, metrics = now(), None, "done", {}
        stop: StopNightError | None = None
        try:
            result = work(aside)
            metrics, reason = dict(result.metrics), result.skipped
            status = "skipped" if reason else "done"
        except StopNightError as error:
            stop, status, reason = error, "failed", str(error)
        except Exception as error:  # nobody watches a night: what went wrong must be in its report
            (aside / "error.txt").write_text(traceback.format_exc())
            stop = StopNightError(f"{type(error).__name__}: {error}")
            status, reason = "failed", str(stop)
        report = {
            "step": name,
            "night": self.day.isoformat(),
            "face": self.face,
            "started": started,
            "ended": now(),
            "status": status,
            "inputs": dict(inputs),
            "outputs": outputs_of(aside),
            "metrics": metrics,
            "reason": reason,
        }
        write_json(aside / REPORT, report)
        shutil.rmtree(self.step(name), ignore_errors=True)
        os.rename(aside, self.step(name))
        if stop:
            raise stop
        return report


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def write_json(path: Path, content: object) -> None:
    """Write a file that appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}-{os.getpid()}")
    aside.write_text(json.dumps(content, indent=2) + "\n")
    os.replace(aside, path)


def fingerprint(path: Path) -> str:
    """Of a file's content, or of the names and contents in a directory; 16 hexadecimal digits."""
    found = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            found.update(f"{file.relative_to(path)}\0{file.stat().st_size}\0".encode())
            with file.open("rb") as content:
                while part := content.read(1 << 20):
                    found.update(part)
    return found.hexdigest()[:16]


def fingerprint_of(content: object) -> str:
    """Of anything that JSON, or else its text, tells apart."""
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def outputs_of(directory: Path) -> dict[str, str]:
    """The fingerprints of what a step wrote, by name; its report is not among them."""
    if not directory.is_dir():
        return {}
    return {
        each.name: fingerprint(each) for each in sorted(directory.iterdir()) if each.name != REPORT
    }


@contextmanager
def locked(out: Path, name: str = "night") -> Iterator[None]:
    """Hold a lock that ends with the process. Raises StopNightError if another one holds it."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / f".{name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StopNightError(f"{out}: another {name} is running") from None
        yield
