"""Agents by name: everything that answers in process, made for one run.

They are the entry points `botify.agents` of what is installed, ours among them, and the chains of
a service's config. An agent of a package is imported when it is asked for.
"""

from collections.abc import Sequence
from pathlib import Path

from contract.chain_config import NamedChain
from contract.chains import list_names
from contract.plugins import PluginError
from sim.agent import Agent
from sim.agents.built_in import ORDER
from sim.agents.offered import AGENTS, AgentMaker
from sim.agents.service_chains import ServiceChains
from sim.errors import InputError
from sim.rng import Streams
from sim.world import World

_PLACES = {name: place for place, name in enumerate(ORDER)}

CHAIN = "chain:"
"""Before the name of a recommender of a service's config."""


def names() -> tuple[str, ...]:
    """Every name that `create_agent` accepts, ours first; no agent of a package is imported."""
    return tuple(sorted(AGENTS.names, key=lambda name: _PLACES.get(name, len(_PLACES))))


def labels(chosen: Sequence[str] | None = None) -> dict[str, str]:
    """Names of agents on the ladder, and what its table calls them; None: of all that have one.

    Raises InputError for a chosen one that cannot be used; of all, `AGENTS.problems` names those
    left out.
    """
    found = {}
    for name in names() if chosen is None else chosen:
        if chosen is None and AGENTS.problem(name) is not None:
            continue
        label = maker_of(name).label(name)
        if label is not None or chosen is not None:
            found[name] = label or name
    return found


def maker_of(name: str) -> type[AgentMaker]:
    """What makes the agent of that name. Raises InputError where nothing does."""
    try:
        found: type[AgentMaker] = AGENTS.get(name)
    except PluginError as error:
        raise InputError(str(error)) from error
    return found


def package_of(name: str) -> str | None:
    """The package and version that an agent is from; None for one of our own."""
    offers = (plugin for plugin in AGENTS.all if plugin.name == name and not plugin.built_in)
    return next((plugin.distribution for plugin in offers), None)


def files_of(
    name: str, lists: Path | None = None, chains: ServiceChains | None = None
) -> tuple[Path, ...]:
    """The list files that the agent of that name reads. Raises InputError."""
    if name.startswith(CHAIN):
        return tuple(_chains(name, chains).files_of(name.removeprefix(CHAIN)).values())
    return tuple((lists or Path()) / file for file in maker_of(name).files(name))


def steps_of(name: str, chains: ServiceChains | None = None) -> NamedChain | None:
    """The chain that the agent of that name walks; None if it walks none. Raises InputError."""
    if name.startswith(CHAIN):
        return _chains(name, chains).chain(name.removeprefix(CHAIN))
    steps = maker_of(name).steps(name)
    return None if steps is None else NamedChain(steps, ())


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
    files = files_of(name, lists, chains)
    if files and lists is None and not name.startswith(CHAIN):
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
        "random", "oracle", "console", a recommender of the service, such as
        "policy:top_pop", or an agent of an installed package.
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
    maker = maker_of(name)
    try:
        return maker.make(name, world, streams, lists or Path())
    except InputError:
        raise
    except Exception as error:  # whatever the code of a package raises
        if (package := package_of(name)) is None:
            raise
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise InputError(f"agent {name!r} of {package} cannot be made: {reason}") from error
