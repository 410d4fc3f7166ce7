"""Draws a track where a recommender excludes some: slower than the loops of `selection`."""

import numpy as np
from numpy.typing import NDArray

from sim.agents.selection import NONE, after
from sim.history import contains
from sim.jit import compiled

Tracks = NDArray[np.int32]


@compiled
def is_in(tracks: Tracks, track: int) -> bool:
    """Whether the sorted tracks have this one."""
    at = np.searchsorted(tracks, track)
    return bool(at < len(tracks) and tracks[at] == track)


@compiled
def ranked(
    history: Tracks, n: int, tracks: Tracks, unseen: bool, follows: bool, excluded: Tracks
) -> tuple[int, int, int]:
    """The first free track; `follows`: the first after the place of the last track played."""
    begin = after(tracks, history[n - 1]) if follows else 0
    for place in range(begin, len(tracks)):
        track = tracks[place]
        if not is_in(excluded, track) and not (unseen and contains(history, n, track)):
            return track, place, 1
    return NONE


@compiled
def sampled(
    history: Tracks, n: int, tracks: Tracks, uniform: float, unseen: bool, excluded: Tracks
) -> tuple[int, int, int]:
    """Uniform over the free tracks."""
    places = np.empty(len(tracks), np.int64)
    count = 0
    for place in range(len(tracks)):
        track = tracks[place]
        if not is_in(excluded, track) and not (unseen and contains(history, n, track)):
            places[count] = place
            count += 1
    if count == 0:
        return NONE
    place = places[int(uniform * count)]
    return tracks[place], place, count


@compiled
def from_catalog(
    history: Tracks,
    n: int,
    n_tracks: int,
    unseen: bool,
    excluded: Tracks,
    first: float,
    second: float,
) -> tuple[int, int, int]:
    """Uniform over the free tracks of the catalog.

    Where all were played, over all that are not excluded; where all are excluded, over all.
    """
    taken = np.unique(np.concatenate((excluded, history[:n]))) if unseen else excluded
    if len(taken) == n_tracks:
        taken = excluded
    if len(taken) == n_tracks:
        taken = excluded[:0]
    free, track = n_tracks - len(taken), int(first * n_tracks)
    if is_in(taken, track):
        track = int(second * free)
        for other in taken:
            if other <= track:
                track += 1
    return track, -1, free
