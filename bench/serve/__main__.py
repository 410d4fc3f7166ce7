"""The capacity of the service: `python -m bench.serve`.

Makes its own data, once, and measures on this machine: the service under wrk beside
simpler services, the servers that could run the same application, start-up, and lists
for a million users. The rows of one table are measured in turns, each turn with a newly
started service and Valkey. Tables go to stdout, progress to stderr. The command fails at
the end if a request was not served.
"""

from pathlib import Path

import click

from bench.common.tables import machine
from bench.serve.data import Data, data, many_lists
from bench.serve.lists import lists
from bench.serve.session_model import LISTS_OR_MODEL, SESSION_AWARE
from bench.serve.speed import (
    OURS,
    SERVERS,
    SERVICES,
    errors,
    in_turns,
    plays_per_user,
    report_memory,
    report_speed,
    require_baselines,
)
from bench.serve.start import starts
from bench.serve.wrk import Wrk

USERS, TRACKS = 10_000, 50_000
CONNECTIONS = (1, 4, 16, 64)
AMONG_SERVERS = (16,)
PARTS = ("speed", "session-model", "servers", "start", "lists")


@click.command()
@click.option("--only", type=click.Choice(PARTS), multiple=True, help="One part; may be repeated.")
@click.option("--runs", type=click.IntRange(min=1), default=5, show_default=True)
@click.option(
    "--seconds",
    type=click.IntRange(min=1),
    default=8,
    show_default=True,
    help="Of load in each run of wrk.",
)
@click.option("--users", default=1_000_000, show_default=True, help="Lists that are loaded.")
@click.option("--seed", default=31337, show_default=True)
@click.option("--out", type=Path, default=Path("out/bench/serve"), show_default=True)
def main(only: tuple[str, ...], runs: int, seconds: int, users: int, seed: int, out: Path) -> None:
    """Print the speed, start-up and memory of the service as Markdown: median (range)."""
    parts = only or PARTS
    out = out.resolve()  # gunicorn runs elsewhere
    served = data(out, USERS, TRACKS, seed)
    wrk = Wrk(served, seed)
    click.echo(
        f"{USERS:,} users, {TRACKS:,} tracks, medians of {runs} runs (smallest to largest), "
        f"{seconds} s of load each; {machine()}, shared with Valkey and wrk.\n"
    )
    wrong: list[str] = []
    if "speed" in parts:
        wrong += speed(served, wrk, runs, seconds)
    if "session-model" in parts:
        wrong += session_model(served, wrk, runs, seconds)
    if "servers" in parts:
        wrong += servers(served, wrk, runs, seconds)
    if "start" in parts:
        starts(served, runs)
    if "lists" in parts:
        file = many_lists(out, users, TRACKS, seed)
        wrong += lists(served, file, users, wrk, seconds, runs)
    if wrong:
        raise click.ClickException("; ".join(wrong))


def speed(served: Data, wrk: Wrk, runs: int, seconds: int) -> list[str]:
    """Our service and its baselines; returns the failures."""
    require_baselines()
    done = in_turns(SERVICES, served, wrk, CONNECTIONS, seconds, runs)
    report_speed("service", done)
    report_memory("service", done)
    asked = plays_per_user(done[OURS], served.users)
    click.echo(
        "wrk posts random users and tracks to /next alone, so no session ends. Each turn begins "
        f"with none; at its end users have asked {OURS} {asked:.1f} times on average. CPU is per "
        "request, of all processes together.\n"
    )
    return errors(done)


def session_model(served: Data, wrk: Wrk, runs: int, seconds: int) -> list[str]:
    """Our service with lists for all users, and with a session model; returns the failures."""
    done = in_turns(LISTS_OR_MODEL, served, wrk, CONNECTIONS, seconds, runs)
    report_speed("everybody gets", done)
    report_memory("everybody gets", done)
    asked = plays_per_user(done[SESSION_AWARE], served.users)
    click.echo(
        f"At the end of a turn users have asked {SESSION_AWARE} {asked:.1f} times on "
        "average: the length of the sessions that its model reads.\n"
    )
    return errors(done)


def servers(served: Data, wrk: Wrk, runs: int, seconds: int) -> list[str]:
    """Our application under each server; returns the failures."""
    require_baselines()
    done = in_turns(SERVERS, served, wrk, AMONG_SERVERS, seconds, runs)
    report_speed("server, 2 processes", done)
    report_memory("server, 2 processes", done)
    return errors(done)


if __name__ == "__main__":
    main()
