"""The shop face under load, beside a plain shop of three services: `python -m bench.shop.serving`.

Makes its own data, once. Each turn starts a service and an empty Valkey; visitors have lists and
events. wrk asks for five items for random visitors: as fast as it is answered, then at a fixed
mean rate. Then new visitors look at an item each and ask what the next answer has. Tables go to
stdout, progress to stderr. The command fails at the end if a request was not served. Needs wrk.
"""

import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from typing import NamedTuple

import click
import redis

from bench.common.locked_venv import NoVenvError, locked_python
from bench.common.processes import processes
from bench.common.tables import machine, spread, table
from bench.serve.data import Data, say
from bench.serve.servers import (
    REPOSITORY,
    Command,
    Served,
    asked,
    free_port,
    script,
    served,
    valkey,
)
from bench.serve.speed import Run, Turn, errors, measure, report_memory, report_speed
from bench.serve.wrk import Wrk
from bench.shop.freshness import Fresh, Shop, events_of, fresh
from bench.shop.made_shop import EVENTS, made_shop

OURS = "botify"
PLAIN: dict[str, tuple[str, ...]] = {
    "three FastAPI services": (),
    "the same, pooled": ("--pooled",),
}
"""And their options."""
CONNECTIONS = (1, 4, 16, 64)
PACED, RATE = 32, 500
"""Connections, and the requests a second that all of them send together."""
_WARM_UP, _FRESH = 2, 200
_MORE, _MOST = 2000, 50
"""Visitors that get so many events, to see what they take."""
_LOCK = Path(__file__).with_name("fastapi.lock")


class Found(NamedTuple):
    """Of one turn of a service."""

    turn: Turn
    paced: Run
    fresh: Fresh
    bytes_few: float
    """Of Valkey, per visitor with the first events."""
    bytes_most: float
    """And per visitor with as many as are kept."""


class Load(NamedTuple):
    """What is sent, and for how long."""

    wrk: Wrk
    paced: Wrk
    connections: tuple[int, ...]
    seconds: int


@click.command()
@click.option("--runs", type=click.IntRange(min=1), default=3, show_default=True)
@click.option("--seconds", type=click.IntRange(min=1), default=5, show_default=True)
@click.option("--visitors", type=click.IntRange(min=1), default=20_000, show_default=True)
@click.option("--items", type=click.IntRange(min=10), default=20_000, show_default=True)
@click.option("--connections", default=",".join(map(str, CONNECTIONS)), show_default=True)
@click.option("--plain/--no-plain", default=True, help="Whether the plain shop is measured.")
@click.option("--seed", default=31337, show_default=True)
@click.option("--out", type=Path, default=Path("out/bench/shop"), show_default=True)
def main(
    runs: int,
    seconds: int,
    visitors: int,
    items: int,
    connections: str,
    plain: bool,
    seed: int,
    out: Path,
) -> None:
    """Print the speed, freshness and memory of a shop as Markdown: median (range)."""
    shop = made_shop(out.resolve(), visitors, items, seed)
    lua = Path(__file__).with_name("shop.lua")
    pause = {"PAUSE_MS": str(1000 * PACED / RATE - 2)}  # less what an answer takes
    load = Load(
        Wrk(shop, seed, lua),
        Wrk(shop, seed, lua, pause),
        tuple(map(int, connections.split(","))),
        seconds,
    )
    python = _plain_python(out) if plain else None
    names = (OURS, *PLAIN) if python else (OURS,)
    done: dict[str, list[Found]] = {name: [] for name in names}
    for number in range(1, runs + 1):
        for name in names:
            say(f"{name}, round {number} of {runs}")
            done[name].append(_turn(shop, load, name, python if name in PLAIN else None))
    click.echo(
        f"{visitors:,} visitors with lists of 50 and {EVENTS} events each, {items:,} items with "
        f"20 neighbours; medians of {runs} runs (smallest to largest), {seconds} s of load each; "
        f"{machine()}, shared with Valkey and wrk.\n"
    )
    _report(done)
    turns = {name: [each.turn for each in found] for name, found in done.items()}
    paced = {f"{name}, paced": [each.turn._replace(runs={PACED: each.paced}) for each in found]
             for name, found in done.items()}  # fmt: skip
    if wrong := errors(turns | paced):
        raise click.ClickException("; ".join(wrong))


def _plain_python(out: Path) -> Path | None:
    try:
        return locked_python(out / "fastapi-venv", _LOCK, "FastAPI")
    except NoVenvError as error:
        say(f"the plain shop is left out, FastAPI cannot be installed: {error}")
        return None


def _turn(shop: Data, load: Load, name: str, plain: Path | None) -> Found:
    """`plain`: the interpreter of the three services; None for ours."""
    with tempfile.TemporaryDirectory() as log_dir, valkey() as store:
        port, events_port = free_port(), free_port()
        if plain is None:
            command = _ours(shop, Path(log_dir), port)
        else:
            ports = (port, events_port, free_port())
            where = Path(__file__).with_name("services.py")
            command = [plain, where, shop.directory, "--ports", *ports, *PLAIN[name]]
        with (
            served(command, port, store.url) as service,
            _asking(service, plain, events_port) as at,
        ):
            empty = _used(store)
            if plain is None:
                _wait_until_ready(port)
                empty = _used(store)
                at.post_events(events_of(shop.directory))
            few = (_used(store) - empty) / shop.users
            load.wrk(service.url, 16, _WARM_UP)
            runs = {
                n: measure(load.wrk, service, store, n, load.seconds) for n in load.connections
            }
            paced = measure(load.paced, service, store, PACED, load.seconds)
            after = [*processes(service.pid), *processes(store.pid)]
            found = fresh(at, shop.directory, shop.users, _FRESH)
            most = _bytes_of_most(at, store, shop) if plain is None else 0.0
            return Found(Turn(runs, after), paced, found, few, most)


def _ours(shop: Data, log_dir: Path, port: int) -> Command:
    config = REPOSITORY / "config" / "shop.yml"
    where = ("--data-dir", shop.directory, "--log-dir", log_dir, "--port", port)
    return [script("botify"), "serve", "--config", config, *where]


@contextmanager
def _asking(service: Served, plain: Path | None, events_port: int) -> Iterator[Shop]:
    shop = Shop(service.url, f"http://127.0.0.1:{events_port}" if plain else None)
    try:
        yield shop
    finally:
        shop.close()


def _wait_until_ready(port: int) -> None:
    until = time.monotonic() + 60
    while not asked(port, "GET", "/health/ready"):
        if time.monotonic() > until:
            raise click.ClickException("the service is not ready after a minute")
        time.sleep(0.1)


def _bytes_of_most(at: Shop, store: Served, shop: Data) -> float:
    before = _used(store)
    first = shop.users + _FRESH
    at.post_events(
        [
            {"user": first + user, "item": (user * 7 + n) % shop.tracks}
            for user in range(_MORE)
            for n in range(_MOST)
        ]
    )
    return (_used(store) - before) / _MORE


def _used(store: Served) -> float:
    with redis.Redis.from_url(store.url) as client:
        return float(client.info("memory")["used_memory"])


def _report(done: Mapping[str, list[Found]]) -> None:
    report_speed("service", {name: [each.turn for each in found] for name, found in done.items()})
    click.echo(
        f"At a fixed mean rate, from {PACED} connections that each wait at random between "
        "requests:\n"
    )
    rows = []
    for name, found in done.items():
        loads = [each.paced.load for each in found]
        rows.append(
            [
                name,
                spread([load.rate for load in loads]),
                spread([load.p50 for load in loads], 1),
                spread([load.p99 for load in loads], 1),
                spread([each.paced.service + each.paced.valkey for each in found], 2),
            ]
        )
    table(["service", "requests/s", "p50, ms", "p99, ms", "CPU of a request, ms"], rows)
    click.echo("From sending an event to having an answer that uses it:\n")
    rows = []
    for name, found in done.items():
        times = sorted(ms for each in found for ms in each.fresh.ms)
        middle, last = (quantiles(times, n=100)[place] for place in (49, 98))
        at_once = sum(each.fresh.at_once for each in found)
        never = sum(each.fresh.never for each in found)
        tried = len(times) + never
        figures = (f"{at_once:,} of {tried:,}", str(never), f"{middle:.1f}", f"{last:.1f}")
        rows.append([name, *figures])
    table(["service", "used by the next answer", "never", "median, ms", "p99, ms"], rows)
    report_memory("service", {name: [each.turn for each in found] for name, found in done.items()})
    few = spread([each.bytes_few for each in done[OURS]])
    most = spread([each.bytes_most for each in done[OURS]])
    click.echo(
        f"A visitor takes {few} bytes of Valkey with {EVENTS} events, and {most} with {_MOST}.\n"
    )


if __name__ == "__main__":
    main()
