"""Recommenders in process: the presets of the service, by name."""

import numpy as np

from contract.chain_presets import PRESETS
from contract.chains import TOP_TRACKS
from sim.agents.chain import Chain, Padded
from sim.rng import Streams

_OWN = "own"
_NO_LIST = np.empty((1, 0), dtype=np.int32)


class Policy(Chain):
    """The recommender of a preset.

    Parameters
    ----------
    preset : str
        One of `contract.chain_presets.PRESETS`, such as "random" or "indexed".
    streams : Streams
        The random streams of the run's seed.
    lists : int32 array, optional
        For presets over lists, a row per user of the world, or per track; padded with -1.
    top_tracks : int32 array, optional
        Most popular first; the first 100 are used.
    name : str, optional
        The recommender in the log; the preset's name if absent.

    Examples
    --------
    >>> from sim import GeneratorOptions, Streams, generate, play
    >>> world, _ = generate(GeneratorOptions(n_users=20, n_tracks=100), seed=1)
    >>> play(world, Policy("sticky_artist", Streams(1)), seed=1, episodes=range(10)).sessions
    10
    """

    def __init__(
        self,
        preset: str,
        streams: Streams,
        lists: Padded | None = None,
        top_tracks: Padded | None = None,
        name: str | None = None,
    ) -> None:
        tables = {
            _OWN: _NO_LIST if lists is None else lists,
            TOP_TRACKS: _NO_LIST if top_tracks is None else top_tracks,
        }
        super().__init__(name or preset, PRESETS[preset].chain(_OWN), streams, tables)
