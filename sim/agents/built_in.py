"""The agents of the simulator itself, as what the entry points of botify offer."""

from pathlib import Path

from contract.chain_presets import PRESETS
from contract.chains import TOP_TRACKS, Step, list_names
from contract.files import NEIGHBOURS, RECOMMENDATIONS
from contract.files import TOP_TRACKS as TOP_TRACKS_FILE
from sim.agent import Agent
from sim.agents.console import Console
from sim.agents.lists import read_neighbours, read_recommendations, read_top_tracks
from sim.agents.offered import AgentMaker
from sim.agents.oracle import Oracle
from sim.agents.policies import Policy
from sim.rng import Streams
from sim.world import World

_POLICY = "policy:"
# The service's DAE is an `indexed` over the autoencoder's lists: `policy:dae` answers as
# `policy:indexed` does, under that name in the log.
_SAME = {"dae": "indexed"}
# `policy:random` is `random`.
_LABELS = {"policy:random": None, "policy:indexed": None, "policy:i2i": "I2I", "policy:dae": "DAE"}
_OWN = {"list": RECOMMENDATIONS, "neighbours": NEIGHBOURS}


ORDER = ("console", "random", "oracle", *(f"{_POLICY}{name}" for name in [*PRESETS, *_SAME]))
"""The names in the order to show them."""


class ConsoleMaker(AgentMaker):
    """A person in the terminal."""

    @classmethod
    def make(cls, name: str, world: World, streams: Streams, lists: Path) -> Agent:
        return Console()

    @classmethod
    def label(cls, name: str) -> str | None:
        return None


class OracleMaker(AgentMaker):
    """The best that can be: it knows what each listener likes."""

    @classmethod
    def make(cls, name: str, world: World, streams: Streams, lists: Path) -> Agent:
        return Oracle()

    @classmethod
    def label(cls, name: str) -> str | None:
        return "Oracle"


class PresetMaker(AgentMaker):
    """A recommender of the service that is a preset: `policy:` and its name."""

    @classmethod
    def make(cls, name: str, world: World, streams: Streams, lists: Path) -> Agent:
        preset = _preset(name)
        own, reads_top = _reads(preset)
        read = read_neighbours if own == NEIGHBOURS else read_recommendations
        return Policy(
            preset,
            streams,
            None if own is None else read(lists / own, world),
            read_top_tracks(lists / TOP_TRACKS_FILE, world) if reads_top else None,
            name.removeprefix(_POLICY),
        )

    @classmethod
    def files(cls, name: str) -> tuple[str, ...]:
        own, reads_top = _reads(_preset(name))
        return (*([own] if own else []), *([TOP_TRACKS_FILE] if reads_top else []))

    @classmethod
    def label(cls, name: str) -> str | None:
        """As in CamelCase: `policy:top_pop` is TopPop on the ladder."""
        words = name.removeprefix(_POLICY).split("_")
        return _LABELS.get(name, "".join(word.capitalize() for word in words))

    @classmethod
    def steps(cls, name: str) -> tuple[Step, ...]:
        return PRESETS[_preset(name)].chain()


def _preset(name: str) -> str:
    preset = name.removeprefix(_POLICY)
    return _SAME.get(preset, preset)


def _reads(preset: str) -> tuple[str | None, bool]:
    """The list file that is the preset's own, and whether it reads the popular tracks."""
    own = _OWN.get(PRESETS[preset].setting or "")
    return own, TOP_TRACKS in list_names(PRESETS[preset].chain())
