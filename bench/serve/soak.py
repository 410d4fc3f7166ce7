"""The service near its capacity for ten minutes: `python -m bench.serve.soak`.

Plays whole sessions, with /next and /last, at a fixed share of the peak measured at
its start, looks at every process each ten seconds, and stops the service by SIGTERM
while the load continues. Then every answered request must be in the event log, and
nothing else. The data are those of bench/serve.
"""

import os
import random
import signal
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np

from bench.common.processes import Process, cpu_seconds, processes
from bench.common.tables import machine, table
from bench.serve.data import Data, data, say
from bench.serve.load import Sessions
from bench.serve.servers import botify, free_port, started, wait_until_ready

USERS, TRACKS = 10_000, 50_000
_AT_ONCE = 1_000
"""Open sessions."""
_WARM_UP, _PEAK = 3.0, 10.0
"""Seconds at full speed, not counted and counted."""
_WINDOW = 10.0
_KEPT = 0.99
"""Of the rate, over the whole time; less is no soak at that rate."""
_KILL_EVERY = 6
"""Windows."""
_STOP_TIMEOUT = 30.0


class Window(NamedTuple):
    """Ten seconds of load; times in ms."""

    minute: float
    """When it ended."""
    rate: float
    """Requests answered in a second."""
    p50: float
    p99: float
    lag: float
    """99 % of the requests were sent no later than this after they were due."""
    after: Sequence[Process]


class Soak(NamedTuple):
    """All that was seen."""

    peak: float
    rate: float
    """Asked for."""
    windows: list[Window]
    answered: int
    unanswered: int
    lines: int
    service: float
    """CPU time in ms per request; that of the load likewise."""
    load: float
    wrong: list[str]


@click.command()
@click.option("--minutes", type=float, default=10.0, show_default=True)
@click.option("--share", default=0.8, show_default=True, help="Of the peak.")
@click.option("--connections", default=16, show_default=True)
@click.option("--kill", is_flag=True, help="Kill a worker outright once a minute.")
@click.option("--picture", type=Path, default=Path("docs/images/soak.svg"), show_default=True)
@click.option("--seed", default=31337, show_default=True)
@click.option("--out", type=Path, default=Path("out/bench/serve"), show_default=True)
def main(
    minutes: float,
    share: float,
    connections: int,
    kill: bool,
    picture: Path,
    seed: int,
    out: Path,
) -> None:
    """Print the results as Markdown and draw them; fail if anything went wrong."""
    from bench.serve.soak_plot import draw  # matplotlib takes a while to load

    found = soak(data(out, USERS, TRACKS, seed), minutes, share, connections, kill, seed)
    report(found, connections)
    draw(found.windows, found.rate, picture)
    if found.wrong:
        raise click.ClickException("; ".join(found.wrong))


def soak(
    served: Data, minutes: float, share: float, connections: int, kill: bool, seed: int
) -> Soak:
    """Run the service with a Valkey of its own, and the load. Raises ClickException."""
    port = free_port()
    with (
        tempfile.TemporaryDirectory(dir=served.directory.parent, prefix="soak-") as log,
        tempfile.TemporaryFile() as output,
        started(botify(served, Path(log), port), None, output) as process,
    ):
        wait_until_ready(process, port, output)
        sessions = Sessions(port, served.users, served.tracks, connections, _AT_ONCE, seed)
        sessions.run(time.perf_counter() + _WARM_UP)
        warm = sessions.answered
        sessions.run(time.perf_counter() + _PEAK)
        peak = (sessions.answered - warm) / _PEAK
        say(f"peak: {peak:,.0f} requests a second; {minutes:g} minutes at {share:.0%} of it")

        before, cpu, begun = sessions.answered, _service(process.pid), time.process_time()
        windows, wrong = hold(sessions, process.pid, share * peak, minutes, kill, seed)
        requests = max(sessions.answered - before, 1)
        service = 1000 * (_service(process.pid) - cpu) / requests
        load = 1000 * (time.process_time() - begun) / requests

        kept = (sessions.answered - before) / (windows[-1].minute * 60) if windows else 0.0
        if kept < _KEPT * share * peak:
            wrong.append(f"the rate was not kept: {kept:,.0f} of {share * peak:,.0f} a second")
        lost = sessions.unanswered
        if lost and not kill:
            wrong.append(f"{lost} requests were not answered before the service was stopped")
        process.send_signal(signal.SIGTERM)
        if sessions.run(time.perf_counter() + _STOP_TIMEOUT):
            wrong.append(f"the service still answers {_STOP_TIMEOUT:g} s after SIGTERM")
        sessions.close()
        if status := process.wait(_STOP_TIMEOUT):
            wrong.append(f"the service ended with {status}")
        lines = count_lines(Path(log))
    wrong += disagreements(lines, sessions.answered, sessions.unanswered)
    if sessions.refused:
        wrong.append(f"{len(sessions.refused)} requests were refused: {sessions.refused[0]}")
    return Soak(
        peak,
        share * peak,
        windows,
        sessions.answered,
        sessions.unanswered,
        lines,
        service,
        load,
        wrong,
    )


def hold(
    sessions: Sessions, service: int, rate: float, minutes: float, kill: bool, seed: int
) -> tuple[list[Window], list[str]]:
    """Keep the rate, inspect the service after each window; returns windows and failures."""
    windows: list[Window] = []
    rng = random.Random(seed)
    sessions.take()
    sessions.pace(rate)
    begun = time.perf_counter()
    for number in range(1, max(1, round(minutes * 60 / _WINDOW)) + 1):
        if not sessions.run(begun + number * _WINDOW):
            return windows, ["the service was gone before it was stopped"]
        taken = sessions.take()
        latencies = 1000 * np.array(taken.latencies or [np.nan])
        lag = float(np.percentile(taken.lags or [np.nan], 99)) * 1000
        p50, p99 = map(float, np.percentile(latencies, (50, 99)))
        after = processes(service)
        answered = len(taken.latencies) / _WINDOW
        windows.append(Window(number * _WINDOW / 60, answered, p50, p99, lag, after))
        if kill and number % _KILL_EVERY == 0:
            victim = rng.choice([each.pid for each in after if each.role == "worker"])
            say(f"killing worker {victim}")
            os.kill(victim, signal.SIGKILL)
    return windows, []


def count_lines(log_dir: Path) -> int:
    """Lines of the event log."""
    count = 0
    for path in log_dir.glob("data.json*"):
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                count += block.count(b"\n")
    return count


def disagreements(lines: int, answered: int, unanswered: int) -> list[str]:
    """Failures, by the numbers of lines in the log and of requests.

    A request whose connection ended without an answer may have been handled or not.
    """
    if lines < answered:
        return [f"{answered - lines} answered requests are not in the event log"]
    if lines > answered + unanswered:
        return [f"{lines - answered - unanswered} lines of the event log have no request"]
    return []


def _service(pid: int) -> float:
    return cpu_seconds([each for each in processes(pid) if each.role != "valkey"])


def report(found: Soak, connections: int) -> None:
    """Print the windows."""
    windows = found.windows
    click.echo(
        f"{windows[-1].minute:.3g} minutes, {connections} connections, {_AT_ONCE:,} sessions at "
        f"once, {USERS:,} users, {TRACKS:,} tracks; {machine()}, shared with Valkey and load.\n"
    )
    rates = [window.rate for window in windows]
    rows = {
        "peak at the start, requests/s": f"{found.peak:,.0f}",
        "rate asked for": f"{found.rate:,.0f}",
        "rate answered, median window (worst)": f"{np.median(rates):,.0f} ({min(rates):,.0f})",
        "requests answered, in all": f"{found.answered:,}",
        "lines in the event log": f"{found.lines:,}",
        "requests cut off, by SIGTERM or kills": f"{found.unanswered:,}",
        "CPU of the service, ms per request": f"{found.service:.3f}",
        "CPU of the load, ms per request": f"{found.load:.3f}",
    }
    for name in ("p50", "p99", "lag"):
        values = [getattr(window, name) for window in windows]
        what = {"lag": "sent late by, p99"}.get(name, name)
        rows[f"{what}, ms, median window (worst)"] = f"{np.median(values):.1f} ({max(values):.1f})"
    table(["", ""], [[name, value] for name, value in rows.items()])
    report_memory(windows)


def report_memory(windows: Sequence[Window]) -> None:
    """A row for each process that ran until the end."""
    rows = []
    for number, last in enumerate(windows[-1].after):
        seen = [(w.minute, p.rss) for w in windows for p in w.after if p.pid == last.pid]
        memory = [rss for _, rss in seen]
        rows.append(
            [
                f"{last.role} ({number})",
                f"{memory[0]:.1f}",
                f"{memory[-1]:.1f}",
                f"{max(memory):.1f}",
                f"{slope(seen):+.1f}",
            ]
        )
    ends = ["after 10 s, MB", "at the end", "largest"]
    table(["process", *ends, "slope over the last half, MB/hour"], rows)


def slope(seen: Sequence[tuple[float, float]]) -> float:
    """MB per hour, by least squares over the last half of (minute, MB)."""
    half = np.array(seen[len(seen) // 2 :])
    return 60 * float(np.polyfit(half[:, 0], half[:, 1], 1)[0]) if len(half) > 1 else 0.0


if __name__ == "__main__":
    main()
