"""Agents by name: whoever answers in process, made for one run."""

from pathlib import Path

from sim.agent import Agent
from sim.agents.console import Console
from sim.agents.lists import read_neighbours, read_recommendations, read_top_tracks
from sim.agents.oracle import Oracle
from sim.agents.policies import Contextual, Indexed, Random, StickyArtist, TopPop
from sim.errors import InputError
from sim.rng import Streams
from sim.world import World

_RECOMMENDATIONS, _NEIGHBOURS = "recommendations.json", "neighbours.json"
_TOP_TRACKS = "top_tracks.json"

# Each name and the list files it reads. The service's DAE is an Indexed over the
# autoencoder's lists: `policy:dae` is `policy:indexed`, with that name in the log.
_FILES: dict[str, tuple[str, ...]] = {
    "console": (),
    "random": (),
    "oracle": (),
    "policy:random": (),
    "policy:top_pop": (_TOP_TRACKS,),
    "policy:sticky_artist": (),
    "policy:contextual": (_NEIGHBOURS,),
    "policy:indexed": (_RECOMMENDATIONS, _TOP_TRACKS),
    "policy:dae": (_RECOMMENDATIONS, _TOP_TRACKS),
}

NAMES: tuple[str, ...] = tuple(_FILES)
"""Every name that `create` knows, in the order to show them."""


def files_of(name: str) -> tuple[str, ...]:
    """Names of the list files that the agent of that name reads."""
    return _FILES[name]


def check(name: str, lists: Path | None) -> None:
    """Raise InputError unless `create` knows this name and finds its list files.

    Opens nothing, so that a command can fail before it reads a world.
    """
    if name not in _FILES:
        raise InputError(f"there is no agent {name!r}: there are {', '.join(NAMES)}")
    files = _FILES[name]
    if files and lists is None:
        raise InputError(f"{name} reads {' and '.join(files)}: name their folder with --lists")
    for file in files:
        if lists is not None and not (lists / file).is_file():
            raise InputError(f"{lists / file}: there is no such file, and {name} reads it")


def create(name: str, world: World, streams: Streams, lists: Path | None) -> Agent:
    """The agent of that name, one of `NAMES`, for a run with these streams.

    `lists` is the folder with recommendations.json, neighbours.json and
    top_tracks.json, for the policies that read any of them. Raises InputError
    for an unknown name, for `lists` missing where it is needed, and for files
    that do not fit the world.
    """
    check(name, lists)
    folder = lists or Path()
    match name:
        case "console":
            return Console()
        case "oracle":
            return Oracle()
        case "policy:top_pop":
            return TopPop(streams, read_top_tracks(folder / _TOP_TRACKS, world))
        case "policy:sticky_artist":
            return StickyArtist(streams)
        case "policy:contextual":
            return Contextual(streams, read_neighbours(folder / _NEIGHBOURS, world))
        case "policy:indexed" | "policy:dae":
            mine = read_recommendations(folder / _RECOMMENDATIONS, world)
            top = read_top_tracks(folder / _TOP_TRACKS, world)
            return Indexed(streams, mine, top, name.removeprefix("policy:"))
        case _:
            return Random(streams)
