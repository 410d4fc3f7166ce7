"""Which way to drive a service costs least: `python -m bench.simulate.driver --data out/demo`.

Starts botify, then a service that does next to nothing, then the same with one
answer in fifty late, plays the same sessions against each with every driver, in
turns, and prints medians. CPU is this
process's own (its threads included, the service not), with everything that a
driver needs: listeners, JSON and HTTP.
"""

import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

import click

from bench.simulate import driver_baselines as baselines
from sim.config import load_config
from sim.remote import ServiceOptions, drive
from sim.world import World
from sim.world.files import open_world

Driver = Callable[[World, ServiceOptions, int, range], int]


class Run(NamedTuple):
    """One run of a driver."""

    sessions: int
    requests: int
    seconds: float
    cpu_seconds: float


def ours(world: World, service: ServiceOptions, seed: int, episodes: range) -> int:
    """One thread and a selector; every session continues as soon as it is answered."""
    return drive(world, service, seed=seed, episodes=episodes).requests


DRIVERS: dict[str, Driver] = {
    "selector, free-running": ours,
    "plain sockets in lockstep": baselines.lockstep,
    "asyncio streams": baselines.streams,
    "requests in threads": baselines.threads,
}


@click.command()
@click.option("--data", type=Path, default=Path("out/demo"), show_default=True)
@click.option("--connections", default=16, show_default=True)
@click.option("--sessions", default=400, show_default=True, help="Per run.")
@click.option("--runs", default=5, show_default=True, help="Of each driver, on each service.")
@click.option("--seed", default=31337, show_default=True)
def main(data: Path, connections: int, sessions: int, runs: int, seed: int) -> None:
    """Requests a second and CPU per request of each driver: median (smallest to largest)."""
    world = open_world(load_config(data / "world/env.yml"))
    null = [sys.executable, Path(__file__).parent / "null_service.py", len(world.catalog)]
    with tempfile.TemporaryDirectory() as log_dir:
        services: dict[str, list[object]] = {
            "botify": [
                *(Path(sys.executable).parent / "botify", "serve", "--data-dir", data),
                *("--log-dir", log_dir, "--port", 0, "--seed", seed),
            ],
            "a service that does nothing": [*null, 0],
            "the same, one answer in fifty 20 ms late": [*null, 0.02],
        }
        for name, command in services.items():
            with served(command) as port:
                service = ServiceOptions(port=port, connections=connections)
                click.echo(
                    f"{name}, {connections} connections, {sessions} sessions, "
                    f"medians of {runs} runs\n"
                )
                report(compare(world, service, seed, sessions, runs))


def compare(
    world: World, service: ServiceOptions, seed: int, sessions: int, runs: int
) -> dict[str, list[Run]]:
    """`runs` of each driver, taken in turns."""
    done: dict[str, list[Run]] = {name: [] for name in DRIVERS}
    for name in DRIVERS:  # to warm up
        measure(DRIVERS[name], world, service, seed, range(service.connections))
    for _ in range(runs):
        for name, its_runs in done.items():
            its_runs.append(measure(DRIVERS[name], world, service, seed, range(sessions)))
    return done


def measure(
    driver: Driver, world: World, service: ServiceOptions, seed: int, episodes: range
) -> Run:
    before, started = cpu_seconds(), time.perf_counter()
    requests = driver(world, service, seed, episodes)
    return Run(len(episodes), requests, time.perf_counter() - started, cpu_seconds() - before)


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def report(done: dict[str, list[Run]]) -> None:
    click.echo("| driver | sessions/s | requests/s | CPU per request, ms |\n|---|---:|---:|---:|")
    for name, runs in done.items():
        speed = median(run.sessions / run.seconds for run in runs)
        rates = [run.requests / run.seconds for run in runs]
        costs = [1000 * run.cpu_seconds / run.requests for run in runs]
        click.echo(
            f"| {name} | {speed:,.0f} "
            f"| {median(rates):,.0f} ({min(rates):,.0f} to {max(rates):,.0f}) "
            f"| {median(costs):.3f} ({min(costs):.3f} to {max(costs):.3f}) |"
        )
    click.echo()


@contextmanager
def served(command: list[object]) -> Iterator[int]:
    """A service that prints its URL once it is ready; yields the port."""
    environment = {name: value for name, value in os.environ.items() if name != "REDIS_URL"}
    with subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"http://\S+:(\d+)", process.stdout.readline())
            if found is None:  # the service printed the error to stderr
                sys.exit(process.wait() or 1)
            yield int(found[1])
        finally:
            process.terminate()
            process.wait(30)


if __name__ == "__main__":
    main()
