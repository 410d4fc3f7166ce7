"""Agents by name: everything that answers in process, made for one run."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from contract.chain_config import NamedChain
from contract.chain_presets import PRESETS
from contract.chains import TOP_TRACKS, list_names
from contract.files import NEIGHBOURS, RECOMMENDATIONS
from contract.files import TOP_TRACKS as TOP_TRACKS_FILE
from sim.agent import Agent
from sim.agents.console import Console
from sim.agents.lists import read_neighbours, read_recommendations, read_top_tracks
from sim.agents.oracle import Oracle
from sim.agents.policies import Policy
from sim.agents.service_chains import ServiceChains
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
    preset: str | None = None


def _preset(preset: str, label: str | None, name: str | None = None) -> _Entry:
    """The entry of a preset, which the log calls `name`."""
    setting = PRESETS[preset].setting
    own = {"list": RECOMMENDATIONS, "neighbours": NEIGHBOURS}.get(setting or "")
    reads_top = TOP_TRACKS in list_names(PRESETS[preset].chain())

    def make(world: World, streams: Streams, lists: Path) -> Agent:
        read = read_recommendations if setting == "list" else read_neighbours
        return Policy(
            preset,
            streams,
            read(lists / own, world) if own else None,
            read_top_tracks(lists / TOP_TRACKS_FILE, world) if reads_top else None,
            name,
        )

    files = (*([own] if own else []), *([TOP_TRACKS_FILE] if reads_top else []))
    return _Entry(files, make, label, preset)


def _label(preset: str) -> str:
    """As in CamelCase: `top_pop` is TopPop on the ladder."""
    return "".join(word.capitalize() for word in preset.split("_"))


# The service's DAE is an `indexed` over the autoencoder's lists: `policy:dae` answers as
# `policy:indexed` does, under that name in the log. `random` is `policy:random`.
_OTHER_LABELS = {"random": None, "indexed": None, "i2i": "I2I"}
_ENTRIES: dict[str, _Entry] = {
    "console": _Entry((), lambda world, streams, lists: Console(), label=None),
    "random": _preset("random", "Random"),
    "oracle": _Entry((), lambda world, streams, lists: Oracle(), label="Oracle"),
    **{f"policy:{name}": _preset(name, _OTHER_LABELS.get(name, _label(name))) for name in PRESETS},
    "policy:dae": _preset("indexed", "DAE", name="dae"),
}

CHAIN = "chain:"
"""Before the name of a recommender of a service's config."""

NAMES: tuple[str, ...] = tuple(_ENTRIES)
"""Every name that `create_agent` accepts, in the order to show them."""

LABELS: dict[str, str] = {name: e.label for name, e in _ENTRIES.items() if e.label is not None}
"""Names of the agents on the ladder, and what its table calls them."""


def files_of(
    name: str, lists: Path | None = None, chains: ServiceChains | None = None
) -> tuple[Path, ...]:
    """The list files that the agent of that name reads. Raises InputError."""
    if name.startswith(CHAIN):
        return tuple(_chains(name, chains).files_of(name.removeprefix(CHAIN)).values())
    return tuple((lists or Path()) / file for file in _ENTRIES[name].files)


def steps_of(name: str, chains: ServiceChains | None = None) -> NamedChain | None:
    """The chain that the agent of that name walks; None if it walks none. Raises InputError."""
    if name.startswith(CHAIN):
        return _chains(name, chains).chain(name.removeprefix(CHAIN))
    preset = _ENTRIES[name].preset
    return None if preset is None else NamedChain(PRESETS[preset].chain(), ())


def chain_of(name: str, lists: Path, chains: ServiceChains | None = None) -> object:
    """A value that is equal for agents that answer alike: steps and files. Raises InputError."""
    chain = steps_of(name, chains)
    if chain is None:
        return name
    files = iter(files_of(name, lists, chains))
    paths = {one: next(files).resolve() for one in list_names(chain.steps)}
    steps = tuple(
        step._replace(answers_as="", name=str(paths[step.name]) if step.source == "list" else "")
        for step in chain.steps
    )
    return steps, frozenset(chain.exclude)


def check(name: str, lists: Path | None, chains: ServiceChains | None = None) -> None:
    """Raise InputError unless `create_agent` accepts this name and finds its list files.

    Opens nothing, so that a command can fail before it reads a world.
    """
    if name not in _ENTRIES and not name.startswith(CHAIN):
        raise InputError(f"there is no agent {name!r}: there are {', '.join(NAMES)}")
    files = files_of(name, lists, chains)
    if files and lists is None and name in _ENTRIES:
        names = " and ".join(file.name for file in files)
        raise InputError(f"{name} reads {names}: name their folder with --lists")
    for file in files:
        if not file.is_file():
            raise InputError(f"{file}: there is no such file, and {name} reads it")


def _chains(name: str, chains: ServiceChains | None) -> ServiceChains:
    if chains is None:
        raise InputError(f"{name} is a recommender of a service's config: name it with --chains")
    return chains


def create_agent(
    name: str,
    world: World,
    streams: Streams,
    lists: Path | None = None,
    chains: ServiceChains | None = None,
) -> Agent:
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
    chains : ServiceChains, optional
        The recommenders of a service's config, for names such as "chain:mine".

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
    >>> create_agent("policy:sticky_artist_unseen", world, Streams(1)).sources
    ('sticky_artist_unseen', 'random')
    """
    check(name, lists, chains)
    if chains is not None and name.startswith(CHAIN):
        return chains.make(name.removeprefix(CHAIN), world, streams)
    return _ENTRIES[name].make(world, streams, lists or Path())
