"""Parts of a long benchmark, each a program of its own: kept once done, not run again."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

Found = dict[str, Any]


class PartError(Exception):
    """A part ended with an error, which it has printed to stderr."""


def json_line(command: Sequence[object], environment: Mapping[str, str] | None = None) -> Found:
    """Run a program, its stderr shown, and parse the last line of its stdout.

    Raises PartError if it ends with an error or prints nothing.
    """
    words = list(map(str, command))
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, env=environment, check=False)
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        raise PartError(f"exit {done.returncode}: {' '.join(words)}")
    found: Found = json.loads(lines[-1])
    return found


class Kept:
    """Results in a JSON Lines file, by a key; the last of a key counts."""

    def __init__(self, file: Path, *, fresh: bool = False) -> None:
        self._file = file
        file.parent.mkdir(parents=True, exist_ok=True)
        if fresh:
            file.unlink(missing_ok=True)
        self.found: dict[str, Found] = {}
        if file.exists():
            # A run that was cut short may have left half a line, which counts as not there.
            for line in file.read_text().splitlines():
                try:
                    record = json.loads(line)
                except json.JSONDecodeError:
                    continue
                self.found[record["key"]] = record["found"]

    def get(
        self,
        key: str,
        command: Sequence[object],
        environment: Mapping[str, str] | None = None,
    ) -> Found:
        """The program's result: the one kept under the key, else that of a run now."""
        if key not in self.found:
            click.echo(f"running {key}", err=True)
            found = json_line(command, environment)
            with self._file.open("a") as file:
                file.write("\n" if self._cut_short() else "")
                file.write(json.dumps({"key": key, "found": found}) + "\n")
            self.found[key] = found
        return self.found[key]

    def _cut_short(self) -> bool:
        return self._file.exists() and self._file.read_bytes()[-1:] not in (b"", b"\n")
