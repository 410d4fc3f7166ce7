"""Start: from the command to the first track answered."""

import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import click

from bench.common.tables import spread, table
from bench.serve.data import Data, say
from bench.serve.servers import asked, botify, free_port, last_line, served, started, valkey
from bench.serve.speed import Contender, baseline

_LOOK_SECONDS = 0.003
_TIMEOUT = 120.0


class Start(NamedTuple):
    """Seconds since the command was run."""

    answer: float
    """Until the first 200 of /next."""
    ready: float | None
    """Until the program printed that it serves; None if it prints nothing."""


def starts(data: Data, runs: int) -> None:
    """Measure and print how long services take to start, in turns."""
    cases: dict[str, Callable[[], Start]] = {
        "botify, its own Valkey, lists from their files": lambda: start(botify, data, None),
        "botify, lists already in Redis": lambda: filled(data),
        "plain sketch, lists into an empty Redis": lambda: empty(baseline("sketch"), data),
    }
    done: dict[str, list[Start]] = {name: [] for name in cases}
    for number in range(1, runs + 1):
        for name, case in cases.items():
            say(f"start: {name}, {number} of {runs}")
            done[name].append(case())
    columns = ["start", "first /next answered, s", "ready line, s"]
    table(columns, [_row(name, found) for name, found in done.items()])


def filled(data: Data) -> Start:
    """Our service on a Redis that another run of it has filled."""
    with valkey() as store, tempfile.TemporaryDirectory() as log_dir:
        port = free_port()
        with served(botify(data, Path(log_dir), port), port, store.url):
            pass
        return start(botify, data, store.url)


def empty(contender: Contender, data: Data) -> Start:
    """A service on a Redis that has nothing yet."""
    with valkey() as store:
        return start(contender, data, store.url)


def start(contender: Contender, data: Data, redis_url: str | None) -> Start:
    """One start. Raises ClickException if the service does not start."""
    port, body = free_port(), json.dumps({"track": 1, "time": 1.0})
    with ExitStack() as stack:
        log_dir = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        output = stack.enter_context(tempfile.TemporaryFile())
        command = contender(data, log_dir, port)
        begun = time.perf_counter()
        process = stack.enter_context(started(command, redis_url, output))
        answer: float | None = None
        ready: float | None = None
        while answer is None or (ready is None and contender is botify):
            now = time.perf_counter() - begun
            if process.poll() is not None or now > _TIMEOUT:
                raise click.ClickException(f"{last_line(output)}: {process.args!r}")
            if ready is None and b"http://" in os.pread(output.fileno(), 65536, 0):
                ready = now
            if answer is None and asked(port, "POST", "/next/1", body):
                answer = time.perf_counter() - begun
            time.sleep(_LOOK_SECONDS)
        return Start(answer, ready if contender is botify else None)


def _row(name: str, found: Sequence[Start]) -> list[str]:
    ready = [each.ready for each in found if each.ready is not None]
    return [name, spread([each.answer for each in found], 2), spread(ready, 2) if ready else ""]
