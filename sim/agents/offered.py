"""What a package offers under the entry-point group `botify.agents`; ours are among them.

[project.entry-points."botify.agents"]
in_order = "in_order:InOrder"
"""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Self

from contract.chains import Step
from contract.plugins import Plugins
from sim.agent import Agent, Answer, Turn
from sim.rng import Streams
from sim.world import World

GROUP = "botify.agents"


class AgentMaker(ABC):
    """Makes the agents of one or more names. A class: nothing is made of it but agents."""

    @classmethod
    @abstractmethod
    def make(cls, name: str, world: World, streams: Streams, lists: Path) -> Agent:
        """The agent of that name.

        `streams` are the random streams of the run's seed, `lists` is the folder of list files.
        Raises InputError for files that do not fit the world.
        """

    @classmethod
    def files(cls, name: str) -> tuple[str, ...]:
        """The list files that the agent reads, such as top_tracks.json."""
        return ()

    @classmethod
    def label(cls, name: str) -> str | None:
        """What the ladder calls it; None: it is not on the ladder unless it is named."""
        return name

    @classmethod
    def steps(cls, name: str) -> tuple[Step, ...] | None:
        """The chain that it walks; None if it walks none."""
        return None


class OfferedAgent(AgentMaker):
    """An agent of a package: a subclass has `recommend`, which answers many sessions at a time.

    Examples
    --------
    >>> from sim import Answer, GeneratorOptions, OfferedAgent, Streams, generate, play
    >>> class InOrder(OfferedAgent):
    ...     def recommend(self, turn):
    ...         return Answer((turn.tracks + 1) % len(self.world.catalog))
    >>> world, _ = generate(GeneratorOptions(n_users=20, n_tracks=100), seed=1)
    >>> agent = InOrder("in_order", world, Streams(1))
    >>> play(world, agent, seed=1, episodes=range(10)).sessions
    10
    """

    def __init__(self, name: str, world: World, streams: Streams, lists: Path = Path()) -> None:
        """As `make` is called."""
        self.name, self.world, self.streams, self.lists = name, world, streams, lists

    @property
    def sources(self) -> tuple[str, ...]:
        """Names in the log: its own, then those of its fallbacks."""
        return (self.name,)

    @classmethod
    def make(cls, name: str, world: World, streams: Streams, lists: Path) -> Self:
        return cls(name, world, streams, lists)

    def begin(self, world: World, slots: int) -> None:
        """A run starts, with at most `slots` sessions in flight."""

    @abstractmethod
    def recommend(self, turn: Turn) -> Answer:
        """The next track of each session of the turn."""

    def end(self, turn: Turn) -> None:
        """These sessions are over; `tracks` and `times` are their last plays."""


def _fault(loaded: Any) -> str | None:
    if isinstance(loaded, type) and issubclass(loaded, AgentMaker):
        return None
    return "it is no subclass of sim.OfferedAgent or sim.SessionAgent"


AGENTS = Plugins(GROUP, "agent", _fault)
"""The installed agents."""
