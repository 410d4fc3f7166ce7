"""`botify-sim ladder`: every recommender on the same listeners, from Random to the oracle."""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import click
import numpy as np
from tqdm import tqdm

from sim._click import CONFIG, FAMILY, SEED, standalone
from sim.agent import Agent
from sim.agents.registry import check, create
from sim.config import load_config
from sim.engine.play import play
from sim.engine.sessions import Ended, user_rows
from sim.errors import InputError
from sim.ladder.stats import Rung, UserSums, rungs
from sim.remote import ServiceOptions, drive
from sim.rng import Streams
from sim.world import World
from sim.world.files import open_world

_FLOOR, _CEILING = "Random", "Oracle"
# Names as the agents know them, and as the table does.
_ENDS = {"random": _FLOOR, "oracle": _CEILING}
_BETWEEN = {
    "policy:top_pop": "TopPop",
    "policy:sticky_artist": "StickyArtist",
    "policy:contextual": "Contextual",
    "policy:dae": "DAE",
}
_SUFFIXES = (".png", ".svg")
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@CONFIG
@FAMILY
@click.option(
    "--lists",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("out/demo/lists"),
    show_default=True,
    help="Folder with recommendations.json, neighbours.json and top_tracks.json.",
)
@click.option(
    "--recommender",
    "chosen",
    type=click.Choice(list(_BETWEEN)),
    multiple=True,
    help="Play this one between Random and the oracle; may be repeated. Default: all.",
)
@click.option(
    "--service",
    "services",
    metavar="NAME=HOST:PORT",
    multiple=True,
    help="Play a running service too, over HTTP; may be repeated.",
)
@click.option("--episodes", default=20_000, show_default=True, help="Sessions per recommender.")
@SEED
@click.option("--json", "json_path", type=_FILE, help="Write the figures there too.")
@click.option("--plot", "plot_path", type=_FILE, help="Draw the ladder there, .png or .svg.")
@click.option("--markdown", is_flag=True, help="Print the table as Markdown.")
def ladder(
    config_path: Path,
    family: str | None,
    lists: Path,
    chosen: tuple[str, ...],
    services: tuple[str, ...],
    episodes: int,
    seed: int,
    json_path: Path | None,
    plot_path: Path | None,
    markdown: bool,
) -> None:
    """Play every recommender in process and print its share of the way to the oracle.

    Mean session time counts what was heard of the recommended tracks, and the
    first play. Random is 0 % of the way, the oracle 100 %. Intervals are 95 %,
    users taken as independent, recommenders compared on the same sessions.
    """
    if episodes < 2:
        raise InputError(f"--episodes {episodes}: intervals need 2 or more")
    _check_file("--json", json_path)
    _check_file("--plot", plot_path)
    if plot_path is not None and plot_path.suffix not in _SUFFIXES:
        raise InputError(f"--plot {plot_path}: its name must end in {' or '.join(_SUFFIXES)}")
    between = {name: label for name, label in _BETWEEN.items() if name in chosen or not chosen}
    for name in between:
        check(name, lists)

    asked = dict(_service(text) for text in services)

    world, streams = open_world(load_config(config_path, family)), Streams(seed)
    if len(np.unique(user_rows(streams, len(world.users), np.arange(episodes)))) < 2:
        raise InputError(
            f"--episodes {episodes}: all of them are of one user, and intervals need 2 or more: "
            f"play more, or a world with more users"
        )
    agents = {name: create(name, world, streams, lists) for name in ("random", *between, "oracle")}
    sums = {}
    # On a terminal only: None lets tqdm ask.
    total = episodes * (len(agents) + len(asked))
    with tqdm(total=total, unit=" sessions", disable=None) as bar:

        def progress(ended: Ended) -> None:
            bar.update(len(ended.episodes))

        def climb(name: str) -> None:
            label = (_ENDS | between)[name]
            bar.set_description(label)
            sums[label] = measure(world, agents[name], seed, range(episodes), progress)

        for name in ("random", *between):
            climb(name)
        for label, service in asked.items():
            bar.set_description(label)
            sums[label] = measure_service(world, service, seed, range(episodes), progress)
        climb("oracle")
    found = rungs(sums, _FLOOR, _CEILING)

    click.echo((_markdown if markdown else _plain)(found))
    click.echo(
        f"\n{found[0].sessions:,} sessions of {found[0].users:,} users each; times and lengths "
        f"in tracks, the first play counted;\n± is a 95 % interval, users as the unit."
    )
    if json_path is not None:
        json_path.write_text(json.dumps([_row(rung) for rung in found], indent=2) + "\n")
    if plot_path is not None:
        from sim.ladder.plot import draw  # matplotlib takes a while to load

        draw(found, plot_path)


def measure(
    world: World,
    agent: Agent,
    seed: int,
    episodes: range,
    progress: Callable[[Ended], object] = lambda ended: None,
) -> UserSums:
    """Play the episodes against the agent; returns its sums per user."""
    sums = UserSums(len(world.users))
    play(world, agent, seed=seed, episodes=episodes, progress=_both(sums.add, progress))
    return sums


def measure_service(
    world: World,
    service: ServiceOptions,
    seed: int,
    episodes: range,
    progress: Callable[[Ended], object] = lambda ended: None,
) -> UserSums:
    """`measure`, of whoever answers at a running service.

    Raises InputError where it did not answer throughout: the sessions must be the same for all.
    """
    sums = UserSums(len(world.users))
    take = _both(sums.add, progress)
    driven = drive(world, service, seed=seed, episodes=episodes, progress=take)
    if driven.stopped or driven.failed:
        why = driven.stopped or f"{driven.failed:,} sessions were cut short"
        raise InputError(f"{service.url}: {why}; a ladder compares whole sessions")
    return sums


def _both(
    first: Callable[[Ended], object], second: Callable[[Ended], object]
) -> Callable[[Ended], None]:
    def tell(ended: Ended) -> None:
        first(ended)
        second(ended)

    return tell


def _service(text: str) -> tuple[str, ServiceOptions]:
    name, _, place = text.partition("=")
    host, _, port = place.rpartition(":")
    if not name or not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise InputError(f"--service {text}: it must be like DAE_SESSION=127.0.0.1:5001")
    if name in (_ENDS | _BETWEEN).values():
        raise InputError(f"--service {text}: {name} is on the ladder already")
    return name, ServiceOptions(host.strip("[]"), int(port))


def _check_file(option: str, path: Path | None) -> None:
    """Raise InputError where a file could not be written."""
    if path is not None and not path.parent.is_dir():
        raise InputError(f"{option} {path}: {path.parent} is no directory")
    if path is not None and not os.access(path if path.exists() else path.parent, os.W_OK):
        raise InputError(f"{option} {path}: it cannot be written there")


def _plain(found: Sequence[Rung]) -> str:
    lines = [("recommender", "session time", "session length", "of the way"), *map(_cells, found)]
    return "\n".join(f"{a:<14}{b:>17}{c:>18}{d:>17}" for a, b, c, d in lines)


def _markdown(found: Sequence[Rung]) -> str:
    head = ["| recommender | session time | session length | of the way |", "|---|---:|---:|---:|"]
    return "\n".join([*head, *(f"| {' | '.join(_cells(rung))} |" for rung in found)])


def _cells(rung: Rung) -> tuple[str, str, str, str]:
    return (
        rung.recommender,
        rung.session_time.text(3),
        rung.session_length.text(2),
        rung.share.percent() if rung.share else "–",
    )


def _row(rung: Rung) -> dict[str, object]:
    """The figures of a rung as JSON; keys that end in _95 are half widths of intervals."""
    return {
        "recommender": rung.recommender,
        "sessions": rung.sessions,
        "users": rung.users,
        "mean_session_time": rung.session_time.value,
        "mean_session_time_95": rung.session_time.margin,
        "mean_session_length": rung.session_length.value,
        "mean_session_length_95": rung.session_length.margin,
        "share_of_the_way": None if rung.share is None else rung.share.value,
        "share_of_the_way_95": None if rung.share is None else rung.share.margin,
    }


if __name__ == "__main__":
    standalone(ladder)
