"""The order of a list, for a listener whose current taste is unknown."""

import numpy as np
from numpy.typing import NDArray

from offline.jit import compiled


def greedy_list(
    chances: NDArray[np.float64],
    weights: NDArray[np.float64],
    artists: NDArray[np.int64],
    discount: float,
    patience: float,
    length: int,
) -> NDArray[np.int64]:
    """Places of up to `length` candidates, best first; ties go to the smaller place.

    `chances`: share of each candidate that is heard in a session of each taste, shape (tastes,
    candidates); `weights`: how likely each taste is; `artists`: a number for each candidate's,
    below the number of candidates.

    Greedy: the next track is the one with the largest expected share heard. A track's share is
    multiplied by discount^k where k tracks of its artist are in the list already. The probability
    that a session of a taste still runs falls by (1 - s) / patience with every track of which it
    hears a share s: an average listener's patience, without memory. So a list stays in the taste
    that it started with, as few sessions of other tastes still run.
    """
    return np.asarray(_greedy_list(chances, weights, artists, discount, patience, length))


@compiled()
def _greedy_list(chances, weights, artists, discount, patience, length):  # type: ignore[no-untyped-def]
    tastes, candidates = chances.shape
    length = min(length, candidates)
    left = weights.copy()
    worth = np.ones(candidates)  # by artist
    taken = np.zeros(candidates, np.bool_)
    out = np.empty(length, np.int64)
    for place in range(length):
        best, most = -1, -1.0
        for track in range(candidates):
            if taken[track]:
                continue
            heard = 0.0
            for taste in range(tastes):
                heard += left[taste] * chances[taste, track]
            heard *= worth[artists[track]]
            if heard > most:
                best, most = track, heard
        out[place] = best
        taken[best] = True
        for taste in range(tastes):
            share = chances[taste, best] * worth[artists[best]]
            left[taste] *= 1.0 - (1.0 - share) / patience
        worth[artists[best]] *= discount
    return out
