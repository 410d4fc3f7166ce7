"""wrk as a function: how many requests a service answers, how fast, at what cost."""

import json
import os
import resource
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import click

from bench.serve.data import Data

_SCRIPT = Path(__file__).with_name("wrk.lua")


class Load(NamedTuple):
    """Results of one run of wrk; latencies in ms."""

    requests: int
    seconds: float
    p50: float
    p99: float
    refused: int
    """Answers with a status of 400 or more."""
    failed: int
    """Requests that got no answer: connections refused or cut, timeouts."""

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds

    @property
    def errors(self) -> int:
        """Requests that were not served."""
        return self.refused + self.failed


class Wrk:
    """Asks for random users, by default by posting plays to /next; each run has its own seed."""

    def __init__(
        self,
        data: Data,
        seed: int,
        asking: Path = _SCRIPT,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """Users and tracks are those of the data. Raises ClickException if wrk is missing.

        `asking`: the script of wrk that makes requests; `variables`: in its environment.
        """
        program = shutil.which("wrk")
        if program is None:
            raise click.ClickException(
                "wrk is not installed; `apt-get install wrk` on Debian and Ubuntu, "
                "`brew install wrk` on macOS"
            )
        self._program = program
        self._asking = asking
        self._environment = {**os.environ, **(variables or {})}
        self._sizes = (data.users, data.tracks)
        self._seed = seed
        self.cpu_seconds = 0.0
        """CPU time of wrk itself in the latest run."""

    def __call__(self, url: str, connections: int, seconds: int) -> Load:
        """One run, with one thread of wrk. Raises ClickException if wrk fails."""
        self._seed += 1
        options = ["-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(self._asking), url, "--"]
        arguments = [*options, *map(str, (*self._sizes, self._seed))]
        before = _children()
        done = subprocess.run(
            [self._program, *arguments], capture_output=True, text=True, env=self._environment
        )
        self.cpu_seconds = _children() - before
        return parse(done.stdout + done.stderr)


def parse(output: str) -> Load:
    """Our script's line in wrk's output. Raises ClickException if there is none."""
    for line in output.splitlines():
        if line.startswith('{"requests"'):
            return Load(**json.loads(line))
    raise click.ClickException(f"wrk failed: {' '.join(output.split()) or 'no output'}")


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
