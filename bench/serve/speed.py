"""Services under wrk: each is started, put under load and stopped, in turns."""

import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import mean
from typing import NamedTuple

import click

from bench.common.processes import Process, cpu_seconds, processes
from bench.common.tables import spread, table
from bench.serve.data import Data, say
from bench.serve.servers import (
    REPOSITORY,
    Command,
    Served,
    botify,
    free_port,
    script,
    served,
    valkey,
)
from bench.serve.wrk import Load, Wrk

_WARM_UP = 1
"""Seconds of load that are not counted."""
_WARM_CONNECTIONS = 16

Contender = Callable[[Data, Path, int], Command]
"""Data, log directory and port -> the command that serves."""


class Run(NamedTuple):
    """One run of wrk; CPU time in ms per request."""

    load: Load
    service: float
    valkey: float
    wrk: float


class Turn(NamedTuple):
    """Measurements of a service from start to stop."""

    runs: Mapping[int, Run]
    """By connections."""
    after: Sequence[Process]
    """Its processes and Valkey's after the load."""


def baseline(kind: str) -> Contender:
    """One of baselines.py."""

    def command(data: Data, log_dir: Path, port: int) -> Command:
        where = ("--data-dir", data.directory, "--log-dir", log_dir, "--port", port)
        return [sys.executable, "-m", "bench.serve.baselines", kind, *where]

    return command


def server(program: str, *options: object) -> Contender:
    """Our application under a server, with two processes."""

    def command(data: Data, log_dir: Path, port: int) -> Command:
        variables = {
            "BENCH_DATA_DIR": data.directory,
            "BENCH_LOG_DIR": log_dir,
            "PROMETHEUS_MULTIPROC_DIR": log_dir,
        }
        address = ["--bind", f"127.0.0.1:{port}"] if program == "gunicorn" else ["--port", port]
        common = [*address, *_COMMON[program], "--workers", 2, "--log-level", "warning"]
        environment = [f"{name}={value}" for name, value in variables.items()]
        return ["env", *environment, script(program), *common, *options, "bench.serve.app:app"]

    return command


_COMMON: dict[str, list[object]] = {
    "gunicorn": ["--chdir", REPOSITORY],
    "granian": ["--working-dir", REPOSITORY, "--interface", "wsgi", "--no-ws"],
}
OURS = "botify"
SERVICES: dict[str, Contender] = {
    OURS: botify,
    "plain sketch": baseline("sketch"),
    "older way": baseline("older"),
}
SERVERS: dict[str, Contender] = {
    "gunicorn gthread, 4 threads": server("gunicorn", "-k", "gthread", "--threads", 4),
    "gunicorn gevent": server("gunicorn", "-k", "gevent"),
    "granian, 1 thread": server("granian", "--blocking-threads", 1),
    "granian, 2 threads": server("granian", "--blocking-threads", 2),
    "granian, 4 threads": server("granian", "--blocking-threads", 4),
}


def require_baselines() -> None:
    """Raises ClickException if servers that we do not depend on are missing."""
    missing = [name for name in ("gunicorn", "gevent") if find_spec(name) is None]
    if missing:
        raise click.ClickException(
            f"{' and '.join(missing)} missing; install them with `pip install -e '.[bench]'`"
        )


def in_turns(
    contenders: Mapping[str, Contender],
    data: Data,
    wrk: Wrk,
    connections: Sequence[int],
    seconds: int,
    rounds: int,
) -> dict[str, list[Turn]]:
    """`rounds` turns of each contender."""
    done: dict[str, list[Turn]] = {name: [] for name in contenders}
    for number in range(1, rounds + 1):
        for name, contender in contenders.items():
            say(f"{name}, round {number} of {rounds}")
            done[name].append(turn(contender, data, wrk, connections, seconds))
    return done


def turn(
    contender: Contender, data: Data, wrk: Wrk, connections: Sequence[int], seconds: int
) -> Turn:
    """Start with an empty Valkey, warm up, run wrk with each number of connections, stop."""
    port = free_port()
    with (
        tempfile.TemporaryDirectory() as log_dir,
        valkey() as store,
        served(contender(data, Path(log_dir), port), port, store.url) as service,
    ):
        wrk(service.url, _WARM_CONNECTIONS, _WARM_UP)
        runs = {n: measure(wrk, service, store, n, seconds) for n in connections}
        return Turn(runs, [*processes(service.pid), *processes(store.pid)])


def measure(wrk: Wrk, service: Served, store: Served, connections: int, seconds: int) -> Run:
    """One run of wrk and the CPU time of all processes."""

    def used() -> list[float]:
        return [cpu_seconds(processes(service.pid)), cpu_seconds(processes(store.pid))]

    before = used()
    load = wrk(service.url, connections, seconds)
    spent = [now - then for now, then in zip(used(), before, strict=True)]
    requests = max(load.requests, 1)
    return Run(load, *(1000 * each / requests for each in (*spent, wrk.cpu_seconds)))


def report_speed(what: str, done: Mapping[str, Sequence[Turn]]) -> None:
    """A row for each contender and number of connections."""
    rows = []
    for name, turns in done.items():
        for connections in turns[0].runs:
            runs = [turn.runs[connections] for turn in turns]
            loads = [run.load for run in runs]
            rows.append(
                [
                    name,
                    str(connections),
                    spread([load.rate for load in loads]),
                    spread([load.p50 for load in loads], 1),
                    spread([load.p99 for load in loads], 1),
                    spread([run.service for run in runs], 3),
                    spread([run.valkey for run in runs], 3),
                    spread([run.wrk for run in runs], 3),
                ]
            )
    times = ["p50, ms", "p99, ms", "CPU of the service, ms", "of Valkey", "of wrk"]
    table([what, "connections", "requests/s", *times], rows)


def report_memory(what: str, done: Mapping[str, Sequence[Turn]]) -> None:
    """The memory of each contender after its load."""
    rows = []
    for name, turns in done.items():
        workers = [[p for p in turn.after if p.role == "worker"] for turn in turns]
        rows.append(
            [
                name,
                str(len(workers[0])),
                spread([max(p.rss for p in each) for each in workers]),
                spread([max(p.pss for p in each) for each in workers]),
                spread([sum(p.pss for p in t.after if p.role != "valkey") for t in turns]),
                spread([sum(p.rss for p in t.after if p.role == "valkey") for t in turns]),
            ]
        )
    share = ["shared pages split", "service together", "Valkey"]
    table([what, "workers", "largest worker, MB", *share], rows)


def plays_per_user(turns: Sequence[Turn], users: int) -> float:
    """Requests of a user in a turn, on average: the growth of the seen filter."""
    return mean(sum(run.load.requests for run in turn.runs.values()) for turn in turns) / users


def errors(done: Mapping[str, Sequence[Turn]]) -> list[str]:
    """One line for each contender and number of connections where requests were not served."""
    return [
        f"{name}, {connections} connections: {run.load.refused} answers of status 400 and above, "
        f"{run.load.failed} requests with none"
        for name, turns in done.items()
        for turn in turns
        for connections, run in turn.runs.items()
        if run.load.errors
    ]
