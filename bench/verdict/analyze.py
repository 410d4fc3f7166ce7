"""From a million sessions to a report: `python -m bench.verdict.analyze`.

Plays the log once (kept under --out), then runs `botify-offline analyze` on it as Parquet and as
JSON Lines, and the effect table alone in pandas, each in a process of its own.
"""

import subprocess
import sys
from pathlib import Path
from statistics import median

import click
import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.verdict.experiments import Laboratory
from bench.verdict.logs import EXPERIMENT, START_MS, Split, as_table
from sim.engine.events import Recorder
from sim.engine.play import play
from sim.logs.clock import Clock

_SHARES = 0.42, 0.45
_BLOCK = 20_000
# The same table by hand, as one would write it in a notebook.
_PANDAS = """
import sys
import pandas as pd
from scipy import stats
path = sys.argv[1]
fields = ["user", "message", "time", "latency", "experiments"]
log = pd.read_parquet(path, columns=fields) if path.endswith("parquet") else pd.read_json(
    path, lines=True)[fields]
log["arm"] = log["experiments"].astype(str).str.contains("T1")
log["last"] = log["message"] == "last"
users = log.groupby(["arm", "user"]).agg(
    lines=("time", "size"), sessions=("last", "sum"), time=("time", "sum"),
    latency=("latency", "mean"))
users["length"], users["listened"] = users.lines / users.sessions, users.time / users.sessions
for metric in ("sessions", "length", "listened", "latency"):
    c, t = users.loc[False, metric], users.loc[True, metric]
    ends = stats.ttest_ind(t, c, equal_var=False).confidence_interval()
    print(metric, 100 * (t.mean() / c.mean() - 1), 100 * ends.low / c.mean())
"""

_WATCH = """
import os, subprocess, sys, time
started = time.monotonic()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(time.monotonic() - started, usage.ru_maxrss / 1024)
sys.exit(status != 0)
"""


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/bench-analyze"))
@click.option("--sessions", default=1_000_000, show_default=True)
@click.option("--runs", default=3, show_default=True, help="Of which the median is shown.")
@click.option("--seed", default=31337, show_default=True)
def main(out: Path, sessions: int, runs: int, seed: int) -> None:
    """Time and memory of a whole analysis, page and all."""
    out.mkdir(parents=True, exist_ok=True)
    parquet, text, some = (
        out / f"{sessions}.{kind}" for kind in ("parquet", "json", "first.json")
    )
    if not parquet.exists():
        _play(parquet, out / "world", sessions, seed)
        duckdb.sql(
            "COPY (SELECT * REPLACE (experiments::JSON AS experiments)"
            f" FROM '{parquet}') TO '{text}' (FORMAT json)"
        )
        with some.open("wb") as part, text.open("rb") as whole:
            part.writelines(line for line, _ in zip(whole, range(1_000_000), strict=False))
    lines = pq.read_metadata(parquet).num_rows
    click.echo(f"{sessions:,} sessions, {lines:,} lines\n")
    program = Path(sys.executable).parent / "botify-offline"
    page = out / "report.html"
    click.echo("| | log | seconds | peak memory |\n|---|---|---:|---:|")
    for name, log in (("Parquet", parquet), ("JSON Lines", text)):
        words = [program, "analyze", log, "--experiment", EXPERIMENT, "--out", page]
        words += ["--catalog", out / "world/tracks.json"]
        _row("analyze, all of it", name, words, log, runs)
    for name, log in (("Parquet", parquet), ("JSON Lines, 1,000,000 lines of it", some)):
        _row("pandas, effect table alone", name, [sys.executable, "-c", _PANDAS, log], log, runs)


def _row(what: str, name: str, words: list[object], log: Path, runs: int) -> None:
    found = [_measure(list(map(str, words))) for _ in range(runs)]
    seconds, peak = median(one[0] for one in found), median(one[1] for one in found)
    size = log.stat().st_size / 2**20
    click.echo(f"| {what} | {name}, {size:,.0f} MiB | {seconds:.1f} | {peak:,.0f} MiB |")


def _measure(words: list[str]) -> tuple[float, float]:
    # By way of a small process: this one's memory would count as the program's peak.
    found = subprocess.run([sys.executable, "-c", _WATCH, *words], stdout=subprocess.PIPE)
    if found.returncode:
        raise click.ClickException(f"failed: {' '.join(words[:4])}")
    seconds, peak = map(float, found.stdout.split())
    return seconds, peak


def _play(parquet: Path, world: Path, sessions: int, seed: int) -> None:
    program = Path(sys.executable).parent / "botify-sim"
    words = [program, "world", "--out", world, "--users", 50_000, "--tracks", 5_000]
    subprocess.run([*map(str, words), "--seed", str(seed)], check=True)
    laboratory = Laboratory(world / "env.yml", seed)
    ids, rng = laboratory.world.users.ids, np.random.default_rng(seed)
    arm_of = rng.integers(0, 2, len(ids))
    agent = Split([laboratory.agent(share) for share in _SHARES], arm_of)
    arms = np.zeros(ids.max() + 1, np.int64)
    arms[ids] = arm_of
    clock = Clock(START_MS, 14, sessions, ids)
    writer = None
    for low in range(0, sessions, _BLOCK):
        recorder = Recorder()
        episodes = range(low, min(low + _BLOCK, sessions))
        play(laboratory.world, agent, seed=seed, episodes=episodes, recorder=recorder)
        events = recorder.events()
        at = clock.stamp(events)
        latency = rng.lognormal(-6.5, 0.4, len(at))
        table: pa.Table = as_table(
            events, at, agent.sources, ("C", "T1"), arms[events.users], latency
        )
        writer = writer or pq.ParquetWriter(parquet, table.schema, compression="zstd")
        writer.write_table(table)
    if writer is not None:
        writer.close()


if __name__ == "__main__":
    main()
