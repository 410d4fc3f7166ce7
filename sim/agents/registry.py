"""Agents by name: everything that answers in process, made for one run."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from contract.files import NEIGHBOURS, RECOMMENDATIONS, TOP_TRACKS
from sim.agent import Agent
from sim.agents.console import Console
from sim.agents.lists import read_neighbours, read_recommendations, read_top_tracks
from sim.agents.oracle import Oracle
from sim.agents.policies import Contextual, Indexed, Random, StickyArtist, TopPop
from sim.errors import InputError
from sim.rng import Streams
from sim.world import World


class _Entry(NamedTuple):
    """An agent: the list files that it reads, how to make it, and its label on the ladder.

    The label is None for an agent that is not on the ladder: a person, or one
    that answers as another one does.
    """

    files: tuple[str, ...]
    make: Callable[[World, Streams, Path], Agent]
    label: str | None


def _random(world: World, streams: Streams, lists: Path) -> Agent:
    return Random(streams)


def _top_pop(world: World, streams: Streams, lists: Path) -> Agent:
    return TopPop(streams, read_top_tracks(lists / TOP_TRACKS, world))


def _contextual(world: World, streams: Streams, lists: Path) -> Agent:
    return Contextual(streams, read_neighbours(lists / NEIGHBOURS, world))


def _indexed(world: World, streams: Streams, lists: Path, name: str) -> Agent:
    recommendations = read_recommendations(lists / RECOMMENDATIONS, world)
    return Indexed(streams, recommendations, read_top_tracks(lists / TOP_TRACKS, world), name)


# The service's DAE is an Indexed over the autoencoder's lists: `policy:dae` answers as
# `policy:indexed` does, under that name in the log.
_BY_USER = (RECOMMENDATIONS, TOP_TRACKS)
_ENTRIES: dict[str, _Entry] = {
    "console": _Entry((), lambda world, streams, lists: Console(), label=None),
    "random": _Entry((), _random, label="Random"),
    "oracle": _Entry((), lambda world, streams, lists: Oracle(), label="Oracle"),
    "policy:random": _Entry((), _random, label=None),
    "policy:top_pop": _Entry((TOP_TRACKS,), _top_pop, label="TopPop"),
    "policy:sticky_artist": _Entry(
        (), lambda world, streams, lists: StickyArtist(streams), label="StickyArtist"
    ),
    "policy:contextual": _Entry((NEIGHBOURS,), _contextual, label="Contextual"),
    "policy:indexed": _Entry(_BY_USER, partial(_indexed, name="indexed"), label=None),
    "policy:dae": _Entry(_BY_USER, partial(_indexed, name="dae"), label="DAE"),
}

NAMES: tuple[str, ...] = tuple(_ENTRIES)
"""Every name that `create_agent` accepts, in the order to show them."""

LABELS: dict[str, str] = {name: e.label for name, e in _ENTRIES.items() if e.label is not None}
"""Names of the agents on the ladder, and what its table calls them."""


def files_of(name: str) -> tuple[str, ...]:
    """Names of the list files that the agent of that name reads."""
    return _ENTRIES[name].files


def check(name: str, lists: Path | None) -> None:
    """Raise InputError unless `create_agent` accepts this name and finds its list files.

    Opens nothing, so that a command can fail before it reads a world.
    """
    if name not in _ENTRIES:
        raise InputError(f"there is no agent {name!r}: there are {', '.join(NAMES)}")
    files = files_of(name)
    if files and lists is None:
        raise InputError(f"{name} reads {' and '.join(files)}: name their folder with --lists")
    for file in files:
        if lists is not None and not (lists / file).is_file():
            raise InputError(f"{lists / file}: there is no such file, and {name} reads it")


def create_agent(name: str, world: World, streams: Streams, lists: Path | None = None) -> Agent:
    """Make the agent of that name.

    Parameters
    ----------
    name : str
        One of `NAMES`: "random", "oracle", "console", or a recommender of the
        service, such as "policy:top_pop".
    world : World
        The world that it will answer in; list files must fit it.
    streams : Streams
        The random streams of the run's seed.
    lists : Path, optional
        Folder with recommendations.json, neighbours.json and top_tracks.json,
        for the policies that read any of them.

    Returns
    -------
    Agent

    Raises
    ------
    InputError
        For an unknown name, for `lists` missing where it is needed, and for
        files that do not fit the world.

    Examples
    --------
    >>> from sim import GeneratorOptions, Streams, create_agent, generate
    >>> world, _ = generate(GeneratorOptions(n_users=20, n_tracks=100), seed=1)
    >>> create_agent("policy:sticky_artist", world, Streams(1)).sources
    ('sticky_artist', 'random')
    """
    check(name, lists)
    return _ENTRIES[name].make(world, streams, lists or Path())
