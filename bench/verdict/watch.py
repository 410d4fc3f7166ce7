"""The cost of following an experiment behind ten million lines: `python -m bench.verdict.watch`.

Makes a log once (kept under --out): sessions of 2 to 20 plays, spread over a day, whose last
minute is left aside. Then, each in a process of its own: `botify-offline analyze` on the log, and
the watcher, which reads all but the last minute, then looks at a directory in which nothing has
changed, then reads that minute.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import click
import duckdb

EXPERIMENT = "PLAYED"
START_MS = 1_767_225_600_000
"""2026-01-01 00:00 UTC."""
_DAY_MS = 86_400_000
# A play of session s at place j: its track is the answer to the play before.
_LINES = """
WITH sessions AS (
    SELECT
        s,
        CAST(hash(s) % {users} AS BIGINT) AS listener,
        2 + CAST(hash(s + 7) % 19 AS BIGINT) AS plays,
        {start} + CAST({day} * (s / {sessions}) AS BIGINT) AS started
    FROM range({sessions}) AS numbers(s)
),
plays AS (SELECT *, UNNEST(range(plays)) AS j FROM sessions)
SELECT
    CASE WHEN j = plays - 1 THEN 'last' ELSE 'next' END AS message,
    started + 7000 * j + CAST(hash(s + j) % 1000 AS BIGINT) AS timestamp,
    listener AS "user",
    CAST(hash(s * 31 + j) % 5000 AS BIGINT) AS track,
    CASE
        WHEN j = 0 THEN 1.0
        ELSE ROUND((hash(s * 17 + j) % 90 + hash(listener) % 2 * 5) / 100.0, 2)
    END AS time,
    (hash(s + j * 3) % 1000) / 1e6 AS latency,
    CASE
        WHEN j < plays - 1 THEN CAST(hash(s * 31 + j + 1) % 5000 AS BIGINT)
    END AS recommendation,
    CASE WHEN hash(listener) % 2 = 0 THEN {{'{experiment}': 'C'}}
        ELSE {{'{experiment}': 'T1'}} END AS experiments,
    printf('%x', s) AS session,
    'indexed' AS recommender,
    'r1' AS run, 'w1' AS world_version, 'm1' AS model_version
FROM plays
ORDER BY timestamp
"""
_BATCH = """
import os, subprocess, sys, time
started = time.monotonic()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
sys.exit(status != 0)
"""


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/bench-watch"))
@click.option("--sessions", default=910_000, show_default=True, help="Of 11 lines each.")
@click.option("--users", default=100_000, show_default=True)
@click.option("--follow", is_flag=True, hidden=True, help="Be the process that watches.")
def main(out: Path, sessions: int, users: int, follow: bool) -> None:
    """Time and memory of the first reading, of a look without news and of a new minute."""
    log, minute = out / f"log-{sessions}/data.json", out / f"minute-{sessions}.json"
    if follow:
        _follow(log, minute)
        return
    if not minute.exists():
        _make(log, minute, sessions, users)
    with minute.open("rb") as text:
        new = sum(1 for _ in text)
    click.echo(f"{log.stat().st_size / 2**20:,.0f} MiB; a minute has {new:,} lines\n")
    click.echo("| | seconds | of CPU | memory, MiB |\n|---|---:|---:|---:|")
    program = Path(sys.executable).parent / "botify-offline"
    words = [program, "analyze", log, "--experiment", EXPERIMENT]
    found = subprocess.run(
        [sys.executable, "-c", _BATCH, *map(str, words)], stdout=subprocess.PIPE, check=True
    )
    seconds, cpu, peak = map(float, found.stdout.split())
    click.echo(f"| analyze, all of it again | {seconds:.2f} | {cpu:.2f} | {peak:,.0f} at most |")
    words = [
        sys.executable,
        "-m",
        "bench.verdict.watch",
        "--out",
        out,
        "--sessions",
        sessions,
        "--follow",
    ]
    subprocess.run([*map(str, words)], check=True)


def _make(log: Path, minute: Path, sessions: int, users: int) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    query = _LINES.format(
        users=users, sessions=sessions, start=START_MS, day=_DAY_MS, experiment=EXPERIMENT
    )
    duckdb.sql(f"COPY ({query}) TO '{log}' (FORMAT json)")
    # Sessions go on for a while after the last one began: the day ends before.
    end = START_MS + _DAY_MS
    with log.open("rb+") as text:
        text.seek(max(0, log.stat().st_size - (1 << 24)))
        text.readline()
        cut, kept = text.tell(), []
        for line in iter(text.readline, b""):
            at = int(line.split(b'"timestamp":', 1)[1].split(b",", 1)[0])
            if at < end - 60_000:
                cut = text.tell()
            elif at < end:
                kept.append(line)
        minute.write_bytes(b"".join(kept))
        text.truncate(cut)


def _follow(log: Path, minute: Path) -> None:
    from offline.watch.batch import Question
    from offline.watch.watcher import Watched, Watcher

    os.utime(log, (time.time() - 3600,) * 2)  # as one that was rotated an hour ago
    size = log.stat().st_size
    watcher = Watcher(Watched([str(log.parent)], Question(EXPERIMENT)))
    _row(f"first reading, {log.stat().st_size / 2**20:,.0f} MiB", *_timed(watcher.read_all))
    lines = watcher.state.skipped.lines
    watcher.look()
    rows = [_timed(watcher.look) for _ in range(5)]
    _row("a look without news", *_middle(rows))
    try:
        with log.open("ab") as text:
            text.write(minute.read_bytes())
        _row("a new minute", *_timed(watcher.look))
        rows = [_timed(watcher.told) for _ in range(5)]
        _row("what the page shows", *_middle(rows))
    finally:
        os.truncate(log, size)
    new = watcher.state.skipped.lines - lines
    click.echo(f"\n{lines:,} lines behind, {new:,} new ones")


def _timed(work: object) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    work()  # type: ignore[operator]
    return time.perf_counter() - wall, time.process_time() - cpu


def _middle(rows: list[tuple[float, float]]) -> tuple[float, float]:
    return median(row[0] for row in rows), median(row[1] for row in rows)


def _row(what: str, seconds: float, cpu: float) -> None:
    held, peak = (_memory(name) for name in ("VmRSS", "VmHWM"))
    click.echo(
        f"| watch: {what} | {seconds:.3f} | {cpu:.3f} | {held:,.0f} now, {peak:,.0f} at most |"
    )


def _memory(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024


if __name__ == "__main__":
    main()
