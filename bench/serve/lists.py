"""Lists for many users: time and memory of a load, and its effect on requests."""

import subprocess
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import NamedTuple

import click
import redis

from bench.common.processes import peak
from bench.common.tables import spread, table
from bench.serve.data import LIST, Data, say
from bench.serve.servers import (
    CONFIG,
    botify,
    environment,
    free_port,
    last_line,
    script,
    served,
    valkey,
)
from bench.serve.wrk import Load, Wrk

_CONNECTIONS = 16
_LOOK_SECONDS = 0.02


class Loaded(NamedTuple):
    """One load of a file."""

    seconds: float
    memory: float
    """The loader's peak, MB."""


class Round(NamedTuple):
    """A load into an empty Valkey, and one while wrk runs."""

    alone: Loaded
    bytes_per_user: float
    before: list[Load]
    """Runs of wrk before the load."""
    served: Loaded
    during: list[Load]


def lists(data: Data, file: Path, users: int, wrk: Wrk, seconds: int, runs: int) -> list[str]:
    """Measure and print the load of lists for this number of users; returns the failures.

    `seconds`: length of a run of wrk; runs follow one another until the load ends.
    """
    rounds = []
    for number in range(1, runs + 1):
        say(f"lists of {users:,} users, round {number} of {runs}")
        rounds.append(_round(data, file, users, wrk, seconds))
    _report(rounds, users)
    wrong = sum(load.errors for each in rounds for load in (*each.before, *each.during))
    return [f"lists: {wrong} requests were not served"] if wrong else []


def _round(data: Data, file: Path, users: int, wrk: Wrk, seconds: int) -> Round:
    with valkey() as store, redis.Redis.from_url(store.url) as client:
        empty = _used(client)
        alone = _load(data, file, store.url)
        bytes_per_user = (_used(client) - empty) / users
    port, over = free_port(), Event()

    def press() -> list[Load]:
        loads: list[Load] = []
        while not over.is_set():
            loads.append(wrk(service.url, _CONNECTIONS, seconds))
        return loads

    with (
        tempfile.TemporaryDirectory() as log_dir,
        valkey() as store,
        served(botify(data, Path(log_dir), port), port, store.url) as service,
        ThreadPoolExecutor(1) as thread,
    ):
        wrk(service.url, _CONNECTIONS, seconds)  # to warm up
        before = [wrk(service.url, _CONNECTIONS, seconds) for _ in range(3)]
        pressing = thread.submit(press)
        try:
            loaded = _load(data, file, store.url)
        finally:
            over.set()
        during = pressing.result()
    # The last run ended after the load: it is left out unless it is the only one.
    return Round(alone, bytes_per_user, before, loaded, during[:-1] or during)


def _load(data: Data, file: Path, redis_url: str) -> Loaded:
    where = ("--config", CONFIG, "--data-dir", data.directory)
    command = [script("botify"), "lists", "load", file, "--name", "dae", *where]
    with tempfile.TemporaryFile() as output:
        begun, memory = time.perf_counter(), 0.0
        process = subprocess.Popen(
            list(map(str, command)), env=environment(redis_url), stdout=output, stderr=output
        )
        while process.poll() is None:
            memory = peak(process.pid) or memory
            time.sleep(_LOOK_SECONDS)
        seconds = time.perf_counter() - begun
        if process.returncode:
            raise click.ClickException(last_line(output))
    return Loaded(seconds, memory)


def _used(client: "redis.Redis") -> int:
    used: int = client.info("memory")["used_memory"]
    return used


def _report(rounds: Sequence[Round], users: int) -> None:
    by_case = {
        f"{users:,} lists of {LIST}, nobody is served": [each.alone for each in rounds],
        "the same while wrk runs": [each.served for each in rounds],
    }
    table(
        ["load", "s", "lists/s", "the loader's peak, MB"],
        [
            [
                name,
                spread([each.seconds for each in found], 1),
                spread([users / each.seconds for each in found]),
                spread([each.memory for each in found]),
            ]
            for name, found in by_case.items()
        ],
    )
    spent = spread([each.bytes_per_user for each in rounds])
    click.echo(f"Valkey takes {spent} bytes a user.\n")
    by_time = {
        "before the load": [load for each in rounds for load in each.before],
        "during the load": [load for each in rounds for load in each.during],
    }
    table(
        [f"wrk, {_CONNECTIONS} connections", "runs", "requests/s", "p50, ms", "p99, ms"],
        [
            [
                name,
                str(len(loads)),
                spread([load.rate for load in loads]),
                spread([load.p50 for load in loads], 1),
                spread([load.p99 for load in loads], 1),
            ]
            for name, loads in by_time.items()
        ],
    )
