"""How a track is drawn from a list or the catalog: the service's rules, as compiled loops.

Each takes a session's `history`, of which the first `n` are the tracks played
so far, and returns the track, its place in the list, and the number of tracks
it was drawn from. Track -1 says that there is none to offer.
"""

import numpy as np
from numpy.typing import NDArray

from sim.history import played
from sim.jit import compiled

_NOTHING = (-1, -1, 1)


@compiled
def first_unseen(
    history: NDArray[np.int32], n: int, tracks: NDArray[np.integer]
) -> tuple[int, int, int]:
    """The first of `tracks` not played yet; the list may end early, with -1."""
    for place in range(len(tracks)):
        if tracks[place] < 0:
            break
        if not played(history, n, tracks[place]):
            return tracks[place], place, 1
    return _NOTHING


@compiled
def any_unseen(
    history: NDArray[np.int32], n: int, tracks: NDArray[np.integer], uniform: float
) -> tuple[int, int, int]:
    """Uniform over those of `tracks` not played yet."""
    unseen = 0
    for place in range(len(tracks)):
        unseen += not played(history, n, tracks[place])
    left = int(uniform * unseen)
    for place in range(len(tracks)):
        if not played(history, n, tracks[place]):
            if left == 0:
                return tracks[place], place, unseen
            left -= 1
    return _NOTHING


@compiled
def from_catalog(
    history: NDArray[np.int32], n: int, distinct: int, n_tracks: int, first: float, second: float
) -> tuple[int, int, int]:
    """Uniform over the catalog's tracks not played yet, or over all once all were.

    One uniform nearly always does. Where it gives a track that was played, the
    other one numbers the unplayed tracks in order and draws among them, which
    is as uniform as drawing again.
    """
    track = int(first * n_tracks)
    if distinct >= n_tracks:
        return track, -1, n_tracks
    if played(history, n, track):
        track = int(second * (n_tracks - distinct))
        before = -1
        for seen in np.sort(history[:n]):
            if seen != before and seen <= track:
                track += 1
            before = seen
    return track, -1, n_tracks - distinct
