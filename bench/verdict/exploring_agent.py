"""An agent that explores its lists, so that its log can speak for other lists."""

import numpy as np
from numpy.typing import NDArray

from sim.agent import Answer, Turn
from sim.agents.policies import Policy
from sim.arrays import Floats
from sim.history import contains
from sim.jit import compiled
from sim.rng import AGENT, Key, Streams, uniforms


class Exploring(Policy):
    """Draws from the user's list: the track at rank k with a chance proportional to exp(-k / T).

    Tracks that the session has played are left out. Where all were played it answers as `indexed`.
    """

    def __init__(
        self,
        streams: Streams,
        lists: NDArray[np.int32],
        top_tracks: NDArray[np.int32],
        temperature: float,
    ) -> None:
        super().__init__("indexed", streams, lists, top_tracks, "exploring")
        self._mine = lists
        self._weights = np.exp(-np.arange(lists.shape[1]) / temperature)

    def recommend(self, turn: Turn) -> Answer:
        usual = super().recommend(turn)
        places, chances = _draw(turn, self._streams.key, self._mine, self._weights)
        drawn = np.flatnonzero(places >= 0)
        # `indexed` answers with all of them.
        assert usual.ranks is not None
        assert usual.propensities is not None
        usual.tracks[drawn] = self._mine[turn.user_rows[drawn], places[drawn]]
        usual.ranks[drawn] = places[drawn]
        usual.propensities[drawn] = chances[drawn]
        return usual


@compiled
def _draw(
    turn: Turn, key: Key, lists: NDArray[np.int32], weights: Floats
) -> tuple[NDArray[np.int64], Floats]:
    places, chances = np.full(len(turn.slots), -1), np.ones(len(turn.slots))
    for i in range(len(turn.slots)):
        history, n = turn.history[turn.slots[i]], turn.steps[i] + 1
        mine = lists[turn.user_rows[i]]
        left = np.zeros(len(mine))
        for place in range(len(mine)):
            if mine[place] >= 0 and not contains(history, n, mine[place]):
                left[place] = weights[place]
        total = left.sum()
        if total == 0:
            continue
        uniform, _ = uniforms(key, AGENT, turn.episodes[i], turn.steps[i])
        point, before = uniform * total, 0.0
        for place in range(len(mine)):
            if left[place] > 0:
                places[i] = place  # the last one stays, should rounding leave a remainder
                before += left[place]
                if point < before:
                    break
        chances[i] = left[places[i]] / total
    return places, chances
