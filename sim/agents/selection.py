"""Draws a track from a list or from the catalog: the rules of `contract.chain_choice`, compiled.

These are the loops where no track is excluded; `sim.agents.excluding` has the others. The draws
take the `history` of a session, whose first `n` tracks have been played, and return the track, its
place in the list, and the number of tracks it was drawn from. Track -1 means that there is none to
recommend.
"""

import numpy as np
from numpy.typing import NDArray

from sim.history import contains
from sim.jit import compiled

NONE = (-1, -1, 1)


@compiled
def any_unseen(
    history: NDArray[np.int32], n: int, tracks: NDArray[np.integer], uniform: float
) -> tuple[int, int, int]:
    """Uniform over the tracks of the list not played yet."""
    unseen = 0
    for place in range(len(tracks)):
        unseen += not contains(history, n, tracks[place])
    skip = int(uniform * unseen)
    for place in range(len(tracks)):
        if not contains(history, n, tracks[place]):
            if skip == 0:
                return tracks[place], place, unseen
            skip -= 1
    return NONE


@compiled
def after(tracks: NDArray[np.integer], track: int) -> int:
    """The place after that of `track`; 0 if it is not among them."""
    for place in range(len(tracks)):
        if tracks[place] == track:
            return place + 1
    return 0


@compiled
def from_catalog(
    history: NDArray[np.int32], n: int, distinct: int, n_tracks: int, first: float, second: float
) -> tuple[int, int, int]:
    """Uniform over the tracks of the catalog not played yet, or over all once all were played.

    The first uniform number nearly always suffices. If it gives a track that was
    played, the second one draws among the unplayed tracks in the order of their
    ids, which is as uniform as drawing again.
    """
    track = int(first * n_tracks)
    if distinct >= n_tracks:
        return track, -1, n_tracks
    if contains(history, n, track):
        track = int(second * (n_tracks - distinct))
        before = -1
        for seen in np.sort(history[:n]):
            if seen != before and seen <= track:
                track += 1
            before = seen
    return track, -1, n_tracks - distinct
