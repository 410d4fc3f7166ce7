"""The effect of a busy machine on an experiment: `python -m bench.serve.busy --data out/demo`.

Listeners play against the service, first on the machine as it is, then beside programs that
only burn CPU. For both it prints how many answers came from the fallback, how many tracks a
session was offered twice, how long answers took, and the experiment's effect on the reward.
Needs a world with its lists: `make demo`.
"""

import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import click
import orjson

from bench.common.tables import machine, table
from bench.serve.data import say
from bench.serve.servers import CONFIG, free_port, script, started, wait_until_ready

Event = dict[str, Any]
_MAY_REPEAT = "contextual"
"""Its definition has no seen filter."""


@click.command()
@click.option("--data", type=Path, default=Path("out/demo"), show_default=True)
@click.option("--episodes", default=2_000, show_default=True)
@click.option("--programs", default=16, show_default=True, help="That burn CPU.")
@click.option("--seed", default=31337, show_default=True)
def main(data: Path, episodes: int, programs: int, seed: int) -> None:
    """Print both as a table."""
    click.echo(f"{episodes:,} sessions of the simulator; {machine()}\n")
    rows = []
    for beside in (0, programs):
        say(f"beside {beside} programs")
        events, load = _played(data, episodes, beside, seed)
        rows.append([str(beside), f"{load:.0f}", *_seen(events)])
    head = ["busy programs", "load", "answers", "fallbacks", "repeated", "p99, ms", "p99.9, ms"]
    table([*head, "reward of C", "of T1"], rows)


def _played(data: Path, episodes: int, programs: int, seed: int) -> tuple[list[Event], float]:
    """The log of a service that was played against, in time order, and the load at the end."""
    port = free_port()
    with ExitStack() as stack:
        log_dir = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        output = stack.enter_context(tempfile.TemporaryFile())
        command = [script("botify"), "serve", "--config", CONFIG, "--data-dir", data]
        where = ["--log-dir", log_dir, "--port", port]
        service = stack.enter_context(started([*command, *where], None, output))
        wait_until_ready(service, port, output)
        stack.enter_context(_busy(programs))
        play = [script("botify-sim"), "run", "--config", data / "world/env.yml", "--port", port]
        options = ["--episodes", episodes, "--seed", seed]
        subprocess.run([*map(str, (*play, *options))], check=True, stdout=subprocess.DEVNULL)
        load = os.getloadavg()[0]
        events = [
            orjson.loads(line)
            for file in log_dir.glob("data.json*")
            for line in file.read_bytes().splitlines()
        ]
        return sorted(events, key=lambda event: event["timestamp"]), load


@contextmanager
def _busy(programs: int) -> Iterator[None]:
    running = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(programs)
    ]
    try:
        yield
    finally:
        for program in running:
            program.kill()
            program.wait()


def _seen(events: Sequence[Event]) -> list[str]:
    """Figures of the log, one per cell."""
    answers = [event for event in events if event["message"] == "next"]
    times = sorted(1000 * event["latency"] for event in answers)
    fallbacks = sum(event["recommender"] == "fallback" for event in answers)
    heard: defaultdict[int, set[int]] = defaultdict(set)
    heard_for: defaultdict[int, float] = defaultdict(float)
    rewards: defaultdict[str, list[float]] = defaultdict(list)
    repeated = 0
    for event in events:
        user = event["user"]
        if user in heard:  # the first play is not a recommendation
            heard_for[user] += event["time"]
        heard[user].add(event["track"])
        if event["message"] == "last":
            (treatment,) = event["experiments"].values()
            rewards[treatment].append(heard_for.pop(user))
            del heard[user]
        else:
            again = event["recommendation"] in heard[user]
            repeated += again and event["recommender"] != _MAY_REPEAT
            heard[user].add(event["recommendation"])
    return [
        f"{len(answers):,}",
        f"{fallbacks} ({fallbacks / len(answers):.3%})",
        str(repeated),
        f"{times[int(0.99 * len(times))]:.0f}",
        f"{times[int(0.999 * len(times))]:.0f}",
        *(f"{mean(r):.2f} ± {stdev(r) / len(r) ** 0.5:.2f}" for _, r in sorted(rewards.items())),
    ]


if __name__ == "__main__":
    main()
