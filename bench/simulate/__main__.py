"""How fast listeners are simulated and collected: `python -m bench.simulate`.

Plays them in this process with each policy, and under Random also with simpler
implementations of the engine; then collects sessions with `botify-sim run`. The
world, 10,000 listeners and 50,000 tracks, is built once and kept. Tables go to
stdout, progress to stderr.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

import click
import numpy as np
from threadpoolctl import threadpool_limits

from bench.common.processes import family, peak
from bench.common.tables import machine, spread
from bench.simulate import baselines
from sim.agent import Agent
from sim.agents.chain import MAX_CANDIDATES
from sim.agents.oracle import Oracle
from sim.agents.policies import Policy
from sim.config import load_config
from sim.engine.play import BATCH, play
from sim.engine.summary import Summary
from sim.rng import Streams
from sim.world import World
from sim.world.files import open_world
from sim.world.nearest import nearest

SIM = Path(sys.executable).with_name("botify-sim")
USERS, TRACKS, LIST = 10_000, 50_000, 50
LOOP, LOCKSTEP = "loop over Python objects", "NumPy in lockstep"
SEARCHING = f"{LOOP}, the catalog searched for each first track"
ORACLE = "Oracle (outside the goal)"
# Divisors of the number of collected sessions: enough for steady figures in bearable time.
SHORTER, BY_POLICY, BY_ORACLE, BY_LOOP, BY_SEARCHING = 10, 5, 100, 200, 2_000
# How often a running program is asked for its memory.
_ASK_SECONDS = 0.05

Play = Callable[[], Summary]


class Run(NamedTuple):
    """Sessions played in this process."""

    summary: Summary
    seconds: float
    cpu_seconds: float


class Collection(NamedTuple):
    """Sessions played by the program, with their log; memory and log in MB."""

    seconds: float
    largest: float
    together: float
    log: float


@click.command()
@click.option(
    "--episodes",
    type=click.IntRange(min=1),
    default=1_000_000,
    show_default=True,
    help=f"Sessions to collect; in process 1/{BY_POLICY} of them are played, of the slow less.",
)
@click.option("--repeat", type=click.IntRange(min=1), default=5, show_default=True)
@click.option("--processes", type=click.IntRange(min=1), default=2, show_default=True)
@click.option("--seed", default=31337, show_default=True)
@click.option("--only", type=click.Choice(["steps", "collection"]), help="One of the two.")
@click.option("--world", "env", type=Path, help="Another world: its env.yml.")
@click.option("--out", type=Path, default=Path("out/bench"), show_default=True)
def main(
    episodes: int,
    repeat: int,
    processes: int,
    seed: int,
    only: str | None,
    env: Path | None,
    out: Path,
) -> None:
    """Print the speed of the simulator as Markdown: median (smallest to largest)."""
    env = env or built(out / "world", seed)
    out.mkdir(parents=True, exist_ok=True)
    if only != "collection":
        steps(env, episodes, repeat, seed)
    if only != "steps":
        collections(env, episodes, repeat, processes, seed, out)


def built(directory: Path, seed: int) -> Path:
    """The env.yml of the world in the directory, built if it does not exist yet."""
    if not (directory / "world.json").exists():  # written last
        say(f"building a world in {directory}: a minute, once")
        size = ("--users", USERS, "--tracks", TRACKS, "--seed", seed)
        command = list(map(str, (SIM, "world", "--out", directory, *size)))
        if status := subprocess.run(command, stdout=sys.stderr, check=False).returncode:
            sys.exit(status)
    return directory / "env.yml"


def steps(env: Path, episodes: int, repeat: int, seed: int) -> None:
    """Measure and print listener steps a second in one process on one core."""
    world = open_world(load_config(env))
    say("making lists")
    policies = agents(world, seed)
    rng = np.random.default_rng(seed)
    loop = baselines.Loop(world, seed, find_nearest=False)
    searching = baselines.Loop(world, seed, find_nearest=True)

    def engine(agent: Agent, n: int) -> Summary:
        return play(world, agent, seed=seed, episodes=range(n))

    def share(part: int) -> int:
        return max(1, episodes // part)

    players: dict[str, Play] = {
        name: partial(engine, agent, share(BY_ORACLE if name == ORACLE else BY_POLICY))
        for name, agent in policies.items()
    } | {
        LOCKSTEP: lambda: Summary().add(*baselines.lockstep(world, share(BY_POLICY), rng)),
        LOOP: lambda: Summary().add(*loop.play(share(BY_LOOP))),
        SEARCHING: lambda: Summary().add(*searching.play(share(BY_SEARCHING))),
    }
    with threadpool_limits(1):  # a core is a core for the baselines too
        done = in_turns(players, repeat)
    sizes = f"{len(world.users):,} users, {len(world.catalog):,} tracks"
    click.echo(
        f"{sizes} × {world.embeddings.shape[1]} dimensions, one process, recommender included, "
        f"{share(BY_POLICY):,} sessions a run (oracle {share(BY_ORACLE):,}, loops "
        f"{share(BY_LOOP):,} and {share(BY_SEARCHING):,}), medians of {repeat} runs; {machine()}. "
        f"No model is trained: lists are of the world's own nearest tracks, {LIST} to a user and "
        f"{MAX_CANDIDATES} to a track.\n"
    )
    report_policies({name: done[name] for name in policies})
    report_baselines({name: done[name] for name in ("Random", LOCKSTEP, LOOP, SEARCHING)})


class Prepared(Oracle):
    """Searches the neighbours of each taste in advance, not in every run."""

    def __init__(self, world: World) -> None:
        super().begin(world, BATCH)

    def begin(self, world: World, slots: int) -> None:
        pass


def agents(world: World, seed: int) -> dict[str, Agent]:
    """The recommenders, over lists taken from the world itself: their speed is at stake alone."""
    streams, tracks = Streams(seed), np.arange(len(world.catalog))
    # Lists made of every user's first interest, in place of a model's.
    first = world.users.interests[world.users.bounds[:-1]]
    lists = nearest(world.embeddings, first, min(LIST, len(tracks))).astype(np.int32)
    neighbours = nearest(world.embeddings, tracks, min(MAX_CANDIDATES, len(tracks))).astype(
        np.int32
    )
    top = tracks[:MAX_CANDIDATES].astype(np.int32)
    return {
        "Random": Policy("random", streams),
        "TopPop": Policy("top_pop", streams, top_tracks=top),
        "TopPopUnseen": Policy("top_pop_unseen", streams, top_tracks=top),
        "StickyArtist": Policy("sticky_artist", streams),
        "Contextual": Policy("contextual", streams, neighbours),
        "Indexed": Policy("indexed", streams, lists, top),
        ORACLE: Prepared(world),
    }


def in_turns(players: Mapping[str, Play], repeat: int) -> dict[str, list[Run]]:
    """`repeat` runs of each player, after one to warm up."""
    done: dict[str, list[Run]] = {name: [] for name in players}
    for turn in range(repeat + 1):
        for name, player in players.items():
            say(f"{name}, run {turn} of {repeat}" if turn else f"{name}, to warm up")
            started, before = time.perf_counter(), time.process_time()
            summary = player()
            cpu, wall = time.process_time() - before, time.perf_counter() - started
            if turn:
                done[name].append(Run(summary, wall, cpu))
    return done


def report_policies(done: Mapping[str, Sequence[Run]]) -> None:
    click.echo(
        "| recommender | thousand steps/s of CPU time | thousand steps/s | sessions/s "
        "| session length |\n|---|---:|---:|---:|---:|"
    )
    for name, runs in done.items():
        walls = [run.summary.steps / run.seconds / 1000 for run in runs]
        click.echo(
            f"| {name} | {spread(per_cpu(runs))} | {spread(walls)} | {sessions(runs):,.0f} "
            f"| {length(runs)} |"
        )


def report_baselines(done: Mapping[str, Sequence[Run]]) -> None:
    """The table of the engine and its baselines; the first of `done` is the engine."""
    ours = median(per_cpu(next(iter(done.values()))))
    click.echo(
        "\n| under Random | thousand steps/s of CPU time | sessions/s "
        "| the engine does times as many | session length |\n|---|---:|---:|---:|---:|"
    )
    for name, runs in done.items():
        click.echo(
            f"| {'the engine' if name == 'Random' else name} | {spread(per_cpu(runs))} "
            f"| {sessions(runs):,.0f} | {ours / median(per_cpu(runs)):,.2f} | {length(runs)} |"
        )
    click.echo(
        "\nSession length: plays, the first included, ± 95 %. Published, not run here: Sim4Rec on "
        "Spark, about 390,000 recommendations/s a core, recommender excluded.\n"
    )


def per_cpu(runs: Sequence[Run]) -> list[float]:
    """Thousand steps a second of CPU time."""
    return [run.summary.steps / run.cpu_seconds / 1000 for run in runs]


def sessions(runs: Sequence[Run]) -> float:
    """Sessions a second."""
    return median(run.summary.sessions / run.seconds for run in runs)


def length(runs: Sequence[Run]) -> str:
    """Plays in a session."""
    summary = runs[0].summary  # the engine's runs are all alike: of one seed
    return f"{1 + summary.mean_steps:.2f} ± {1.96 * summary.steps_error:.2f}"


def collections(
    env: Path, episodes: int, repeat: int, processes: int, seed: int, out: Path
) -> None:
    """Measure and print what it takes to collect sessions under Random with their log."""
    cases = [(episodes, "parquet"), (episodes, "json")]
    cases.append((max(1, episodes // SHORTER), "parquet"))
    done: dict[tuple[int, str], list[Collection]] = {case: [] for case in cases}
    collect(env, 1, "parquet", processes, seed, out)  # to warm up
    for turn in range(1, repeat + 1):
        for n, kind in cases:
            say(f"collecting {n:,} sessions as {kind}, run {turn} of {repeat}")
            done[n, kind].append(collect(env, n, kind, processes, seed, out))
    click.echo(
        f"`botify-sim run --recommender random --processes {processes} --log`, medians of "
        f"{repeat} runs; {machine()}.\n\n"
        "| sessions | log | seconds | sessions/s | memory, MB | largest process, MB | log, MB |\n"
        "|---:|---|---:|---:|---:|---:|---:|"
    )
    for (n, kind), runs in done.items():
        seconds, largest, together, log = zip(*runs, strict=True)
        click.echo(
            f"| {n:,} | {kind} | {spread(seconds, 1)} | {n / median(seconds):,.0f} "
            f"| {spread(together)} | {spread(largest)} | {spread(log, 1)} |"
        )
    click.echo(
        "\nSeconds are those of the whole program. Memory: the resident peak of each of its "
        "processes, added up; pages that they share count in each.\n"
    )


def collect(
    env: Path, episodes: int, kind: str, processes: int, seed: int, out: Path
) -> Collection:
    """Run the program once; its log is removed."""
    peaks: dict[int, float] = {}
    with tempfile.TemporaryDirectory(dir=out, prefix="log-") as log:
        how = ("--recommender", "random", "--episodes", episodes, "--processes", processes)
        where = ("--config", env, "--log", log, "--log-format", kind, "--seed", seed)
        started = time.perf_counter()
        command = list(map(str, (SIM, "run", *how, *where)))
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            try:
                while process.poll() is None:
                    for pid in family(process.pid):
                        peaks[pid] = peak(pid) or peaks.get(pid, 0.0)
                    time.sleep(_ASK_SECONDS)
            finally:
                process.terminate()
        seconds = time.perf_counter() - started
        if process.returncode:  # the program printed the error to stderr
            sys.exit(process.returncode)
        size = sum(file.stat().st_size for file in Path(log).iterdir())
    return Collection(seconds, max(peaks.values()), sum(peaks.values()), size / 1e6)


def say(what: str) -> None:
    click.echo(what, err=True)


if __name__ == "__main__":
    main()
