"""`botify-sim ladder`: every recommender on the same listeners, from Random to Oracle."""

import json
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import click
import numpy as np
from tqdm import tqdm

from sim._click import CHAINS, CONFIG, DATA_DIR, FAMILY, SEED, standalone
from sim.agent import Agent
from sim.agents.offered import AGENTS
from sim.agents.registry import CHAIN, chain_of, check, create_agent, names
from sim.agents.registry import labels as labels_of
from sim.agents.service_chains import ServiceChains, load_service_chains
from sim.config import load_config
from sim.engine.play import play
from sim.engine.sessions import EndedSessions, user_rows
from sim.errors import InputError
from sim.ladder.stats import RecommenderResult, UserSums, compare
from sim.remote import ServiceOptions, drive
from sim.rng import Streams
from sim.world import World
from sim.world.files import open_world

# The agents that define the normalised scores 0 and 100; the others are played between them.
_LOWEST, _HIGHEST = "random", "oracle"
_ENDS = labels_of([_LOWEST, _HIGHEST])
_NEVER = (*_ENDS, "console")
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
    type=click.Choice([name for name in names() if name not in _NEVER]),
    multiple=True,
    help="Recommender to play besides Random and Oracle; may be repeated. Default: all.",
)
@CHAINS
@DATA_DIR
@click.option(
    "--service",
    "services",
    metavar="NAME=HOST:PORT",
    multiple=True,
    help="A running service to play against as well, over HTTP; may be repeated.",
)
@click.option(
    "--episodes", default=20_000, show_default=True, help="Number of sessions per recommender."
)
@SEED
@click.option("--json", "json_path", type=_FILE, help="File to write the figures to.")
@click.option("--plot", "plot_path", type=_FILE, help="File to draw them to, .png or .svg.")
@click.option("--markdown", is_flag=True, help="Print the table as Markdown.")
def ladder(
    config_path: Path,
    family: str | None,
    lists: Path,
    chosen: tuple[str, ...],
    chains: Path | None,
    data_dir: Path | None,
    services: tuple[str, ...],
    episodes: int,
    seed: int,
    json_path: Path | None,
    plot_path: Path | None,
    markdown: bool,
) -> None:
    """Play every recommender in process and print its normalised score.

    The score goes by mean session time: 0 is Random, 100 is Oracle. Session
    time counts what was heard of the recommended tracks, and the first play.
    Intervals are 95 %, users taken as independent, recommenders compared on
    the same sessions.
    """
    if episodes < 2:
        raise InputError(f"--episodes {episodes}: intervals need 2 or more")
    _check_file("--json", json_path)
    _check_file("--plot", plot_path)
    if plot_path is not None and plot_path.suffix not in _SUFFIXES:
        raise InputError(f"--plot {plot_path}: its name must end in {' or '.join(_SUFFIXES)}")
    labels = labels_of(sorted(set(chosen), key=names().index) if chosen else None)
    labels = {name: label for name, label in labels.items() if name not in _NEVER}
    if not chosen:
        for problem in AGENTS.problems:
            click.echo(f"not played: {problem}", err=True)
    config = None if chains is None else load_service_chains(chains, data_dir)
    if config is not None:
        labels |= _labels_of(config, [_LOWEST, *labels, _HIGHEST], lists)
        _print_others(config, services)
    for name in labels:
        check(name, lists, config)

    labels = {_LOWEST: _ENDS[_LOWEST], **labels, _HIGHEST: _ENDS[_HIGHEST]}
    _check_labels(labels)
    addresses = dict(_service(text, labels.values()) for text in services)

    world, streams = open_world(load_config(config_path, family)), Streams(seed)
    if len(np.unique(user_rows(streams, len(world.users), np.arange(episodes)))) < 2:
        raise InputError(
            f"--episodes {episodes}: all of them are of one user, and intervals need 2 or more: "
            f"play more, or a world with more users"
        )
    agents = {name: create_agent(name, world, streams, lists, config) for name in labels}
    sums: dict[str, UserSums] = {}
    # On a terminal only: None lets tqdm ask.
    total = episodes * (len(agents) + len(addresses))
    with tqdm(total=total, unit=" sessions", disable=None) as bar:

        def progress(ended: EndedSessions) -> None:
            bar.update(len(ended.episodes))

        def play_agent(name: str) -> None:
            bar.set_description(labels[name])
            sums[labels[name]] = measure(world, agents[name], seed, range(episodes), progress)

        for name in labels:
            if name != _HIGHEST:
                play_agent(name)
        for label, service in addresses.items():
            bar.set_description(label)
            sums[label] = measure_service(world, service, seed, range(episodes), progress)
        play_agent(_HIGHEST)
    results = compare(sums, _ENDS[_LOWEST], _ENDS[_HIGHEST])

    click.echo((_markdown if markdown else _plain)(results))
    click.echo(
        f"\n{results[0].sessions:,} sessions of {results[0].users:,} users each; times and "
        f"lengths in tracks, the first play counted;\nnormalised score: 0 = Random, "
        f"100 = Oracle; ± is a 95 % interval, users as the unit."
    )
    if json_path is not None:
        json_path.write_text(json.dumps([_row(result) for result in results], indent=2) + "\n")
    if plot_path is not None:
        from sim.ladder.plot import draw  # matplotlib takes a while to load

        draw(results, plot_path)


def measure(
    world: World,
    agent: Agent,
    seed: int,
    episodes: range,
    progress: Callable[[EndedSessions], object] = lambda ended: None,
) -> UserSums:
    """Play the episodes against the agent, in process.

    Parameters
    ----------
    world : World
    agent : Agent
    seed : int
    episodes : range
        Numbers of the sessions to play.
    progress : callable, optional
        Receives the `EndedSessions` that just ended.

    Returns
    -------
    UserSums
        Sums over the sessions of each user.
    """
    sums = UserSums(len(world.users))
    play(world, agent, seed=seed, episodes=episodes, progress=_both(sums.add, progress))
    return sums


def measure_service(
    world: World,
    service: ServiceOptions,
    seed: int,
    episodes: range,
    progress: Callable[[EndedSessions], object] = lambda ended: None,
) -> UserSums:
    """`measure` against a running service.

    Raises InputError if a request failed: all recommenders must have the same sessions.
    """
    sums = UserSums(len(world.users))
    both = _both(sums.add, progress)
    result = drive(world, service, seed=seed, episodes=episodes, progress=both)
    if result.stopped or result.failed:
        why = result.stopped or f"{result.failed:,} sessions were cut short"
        raise InputError(f"{service.url}: {why}; a ladder compares whole sessions")
    return sums


def _both(
    first: Callable[[EndedSessions], object], second: Callable[[EndedSessions], object]
) -> Callable[[EndedSessions], None]:
    def call_both(ended: EndedSessions) -> None:
        first(ended)
        second(ended)

    return call_both


def _labels_of(config: ServiceChains, played: Sequence[str], lists: Path) -> dict[str, str]:
    """Labels of the recommenders of the config that are played besides those with other names.

    Prints which are left out, and why.
    """
    known = {chain_of(name, lists): label for name, label in labels_of(played).items()}
    labels = {}
    for name in config.names:
        same = known.get(chain_of(CHAIN + name, lists, config))
        if same is not None:
            click.echo(f"{config.path}: {name} answers as {same} does: played once", err=True)
            continue
        label = f"{name} (config)" if name in labels_of().values() else name
        labels[CHAIN + name] = label
    return labels


def _print_others(config: ServiceChains, services: Sequence[str]) -> None:
    """Print which recommenders of the config are not played."""
    served = [text.partition("=")[0].lower() for text in services]
    for name, kind in config.config.others.items():
        if name.lower() not in served:
            click.echo(
                f"{config.path}: {name} is not played: it is of the type {kind}, which only a "
                f"service plays; name one with --service {name}=HOST:PORT",
                err=True,
            )


def _check_labels(labels: dict[str, str]) -> None:
    """Raise InputError if two agents have one label: their sessions would be one row."""
    named: dict[str, str] = {}
    for name, label in labels.items():
        if label in named:
            raise InputError(
                f"{name} and {named[label]} are both called {label} on the ladder: give one of "
                "them another label"
            )
        named[label] = name


def _service(text: str, labels: Iterable[str]) -> tuple[str, ServiceOptions]:
    name, _, place = text.partition("=")
    host, _, port = place.rpartition(":")
    if not name or not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise InputError(f"--service {text}: it must be like DAE_SESSION=127.0.0.1:5001")
    if name in labels or name in labels_of().values():
        raise InputError(
            f"--service {text}: {name} is one of the recommenders: choose another name"
        )
    return name, ServiceOptions(host.strip("[]"), int(port))


def _check_file(option: str, path: Path | None) -> None:
    """Raise InputError if the file could not be written."""
    if path is not None and not path.parent.is_dir():
        raise InputError(f"{option} {path}: {path.parent} is no directory")
    if path is not None and not os.access(path if path.exists() else path.parent, os.W_OK):
        raise InputError(f"{option} {path}: it cannot be written there")


_COLUMNS = ("recommender", "session time", "session length", "normalised score")


def _plain(results: Sequence[RecommenderResult]) -> str:
    lines = [_COLUMNS, *map(_cells, results)]
    width = max(14, *(len(line[0]) + 1 for line in lines))
    return "\n".join(f"{a:<{width}}{b:>17}{c:>18}{d:>19}" for a, b, c, d in lines)


def _markdown(results: Sequence[RecommenderResult]) -> str:
    head = [f"| {' | '.join(_COLUMNS)} |", "|---|---:|---:|---:|"]
    return "\n".join([*head, *(f"| {' | '.join(_cells(result))} |" for result in results)])


def _cells(result: RecommenderResult) -> tuple[str, str, str, str]:
    return (
        result.recommender,
        result.session_time.text(3),
        result.session_length.text(2),
        result.normalised_score.score() if result.normalised_score else "–",
    )


def _row(result: RecommenderResult) -> dict[str, object]:
    """The figures of a recommender as JSON; keys that end in _95 are half widths of intervals."""
    score = result.normalised_score
    return {
        "recommender": result.recommender,
        "sessions": result.sessions,
        "users": result.users,
        "mean_session_time": result.session_time.value,
        "mean_session_time_95": result.session_time.margin,
        "mean_session_length": result.session_length.value,
        "mean_session_length_95": result.session_length.margin,
        "normalised_score": None if score is None else score.value,
        "normalised_score_95": None if score is None else score.margin,
    }


if __name__ == "__main__":
    standalone(ladder)
