"""Off-policy estimates beside simulated true values: `python -m bench.verdict.off_policy`.

Plays logs of randomised recommenders, estimates from each the value of other recommenders, and
plays those too. Then it counts how often the 95 % intervals contain the true value. Tables go to
stdout.
"""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
from numpy.typing import NDArray

from bench.verdict.exploring_agent import Exploring
from bench.verdict.logs import as_table, stamps, write_parquet
from bench.verdict.off_policy_played import SMALL, measure, play_log, small_logs
from contract.chain_presets import PRESETS
from contract.chains import TOP_TRACKS
from offline.logs.reader import open_logs
from offline.off_policy.chain_target import ChainTarget, Music, list_target
from offline.off_policy.decisions import Decisions, read_decisions
from offline.off_policy.estimate import LookAhead, look_ahead
from offline.off_policy.policies import Target
from sim.agent import Agent
from sim.agents.chain import MAX_CANDIDATES
from sim.agents.lists import read_recommendations, read_top_tracks
from sim.agents.policies import Policy
from sim.config import load_config
from sim.rng import Streams
from sim.world import World
from sim.world.files import open_world

NAMES = "logged mean", "direct method", "IPS", "SNIPS", "DR"
WEIGHTED = NAMES[2:]


class Lists(NamedTuple):
    """The lists of the world's users, in this order: recommendations.json, and two made of it."""

    served: NDArray[np.int32]
    shuffled: NDArray[np.int32]
    backwards: NDArray[np.int32]


@click.command()
@click.option("--config", type=Path, default=Path("out/experiment/world/env.yml"))
@click.option("--lists", type=Path, default=Path("out/experiment/lists"))
@click.option("--sessions", default=100_000, show_default=True, help="Of each log.")
@click.option("--target-sessions", default=1_000_000, show_default=True, help="Of each target.")
@click.option("--temperature", default=10.0, show_default=True, help="In ranks.")
@click.option("--logs", "n_logs", default=200, show_default=True, help="To count coverage on.")
@click.option("--processes", default=1, show_default=True)
@click.option("--seed", default=31337, show_default=True)
def main(
    config: Path,
    lists: Path,
    sessions: int,
    target_sessions: int,
    temperature: float,
    n_logs: int,
    processes: int,
    seed: int,
) -> None:
    """Logs of RANDOM, TOP_POP and an exploring list; lists in three orders and TOP_POP judged."""
    world = open_world(load_config(config))
    served = read_recommendations(lists / "recommendations.json", world)
    top = read_top_tracks(lists / "top_tracks.json", world)
    rng = np.random.default_rng(seed)
    orders = Lists(served, rng.permuted(served, axis=1), np.ascontiguousarray(served[:, ::-1]))
    seeds = np.random.SeedSequence(seed).generate_state(3, np.uint64).tolist()
    log_seed, target_seed, coverage_seed = seeds

    streams = Streams(target_seed)
    agents: list[Agent] = [
        *(Policy("indexed", streams, mine, top) for mine in orders),
        Policy("top_pop_unseen", streams, top_tracks=top),
    ]
    true_values = [
        measure(world, agent, target_seed, target_sessions, processes) for agent in agents
    ]

    streams = Streams(log_seed)
    exploring = Exploring(streams, served, top, temperature)
    firsts: list[tuple[str, list[LookAhead]]] = []
    everys: list[tuple[str, list[LookAhead]]] = []
    for agent in (
        Policy("random_unseen", streams),
        Policy("top_pop_unseen", streams, top_tracks=top),
        exploring,
    ):
        events = play_log(world, agent, log_seed, sessions, processes)
        with tempfile.TemporaryDirectory() as place:
            path = Path(place) / "data.parquet"
            at = stamps(events, world, sessions, 30.0)
            control = np.zeros(len(at), np.int64)
            write_parquet(as_table(events, at, agent.sources, ["C"], control), path)
            del events, at
            for first, rows in ((True, firsts), (False, everys)):
                with open_logs([path]) as log:
                    found = read_decisions(log, first=first)
                rows.append((agent.name, look_ahead(found, _targets(orders, top, world, found))))
    click.echo(f"{sessions:,} sessions a log, {target_sessions:,} a target, seed {seed}\n")
    click.echo("The first decision of each session:\n")
    _table(firsts, [(true.first, true.first_error) for true in true_values])
    click.echo("\nAll decisions:\n")
    _table(everys, [(true.every, true.every_error) for true in true_values])

    exploring = Exploring(Streams(coverage_seed), served, top, temperature)
    click.echo(f"\nIntervals that contain the true value, {n_logs} logs of {SMALL:,} sessions:\n")
    logs = small_logs(world, exploring, coverage_seed, n_logs)
    _coverage(logs, orders, top, world, [true.first for true in true_values])


def _targets(orders: Lists, top: NDArray[np.int32], world: World, log: Decisions) -> list[Target]:
    ids = world.users.ids.tolist()
    targets: list[Target] = []
    for name, rows in zip(("lists", "shuffled", "backwards"), orders, strict=True):
        mine = {str(user): row for user, row in zip(ids, rows.tolist(), strict=True)}
        targets.append(list_target(name, mine, log))
    steps = PRESETS["top_pop_unseen"].chain()[:1]
    music = Music({TOP_TRACKS: {"": top[:MAX_CANDIDATES].tolist()}})
    return [*targets, ChainTarget("top_pop_unseen", steps, music, log)]


def _table(
    logs: Sequence[tuple[str, Sequence[LookAhead]]], true_values: Sequence[tuple[float, float]]
) -> None:
    head = ["log", "target", "true value", *NAMES, "matched", "effective sample", "mean weight"]
    click.echo("| " + " | ".join(head) + " |\n|---|---|" + "---:|" * (len(head) - 2))
    for name, found in logs:
        for one, (true, error) in zip(found, true_values, strict=True):
            support = one.support
            cells = [name, one.target, _plus_minus(true, 1.96 * error)]
            cells += [_plus_minus(*one.estimates[column]) for column in NAMES]
            cells += [f"{support.matched:,}", f"{support.effective_size:,.0f}"]
            cells.append(_plus_minus(*support.mean_weight))
            click.echo("| " + " | ".join(cells) + " |")


def _plus_minus(value: float, half: float) -> str:
    if np.isnan(value):
        return "-"
    return f"{value:.3f} ± {half:.3f}" if np.isfinite(half) else f"{value:.3f}, no interval"


def _coverage(
    logs: Iterator[Decisions],
    orders: Lists,
    top: NDArray[np.int32],
    world: World,
    true_values: Sequence[float],
) -> None:
    held: dict[str, list[list[bool]]] = {}
    errors: dict[str, list[list[float]]] = {}
    sizes: dict[str, list[float]] = {}
    for log in logs:
        for one, true in zip(
            look_ahead(log, _targets(orders, top, world, log)[:-1]), true_values, strict=False
        ):
            misses = [one.estimates[name].mean - true for name in WEIGHTED]
            halves = [one.estimates[name].half_width for name in WEIGHTED]
            inside = [abs(miss) <= half for miss, half in zip(misses, halves, strict=True)]
            held.setdefault(one.target, []).append(inside)
            errors.setdefault(one.target, []).append(misses)
            sizes.setdefault(one.target, []).append(one.support.effective_size)
    columns = [f"{name}{what}" for name in WEIGHTED for what in ("", ", mean error", ", RMSE")]
    click.echo("| target | effective sample | " + " | ".join(columns) + " |")
    click.echo("|---|" + "---:|" * (1 + len(columns)))
    for target, covered in held.items():
        off = np.asarray(errors[target])
        parts = zip(np.mean(covered, 0), off.mean(0), np.sqrt((off**2).mean(0)), strict=True)
        cells = [f"{100 * a:.1f} % | {b:+.4f} | {c:.4f}" for a, b, c in parts]
        click.echo(f"| {target} | {np.mean(sizes[target]):,.0f} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
