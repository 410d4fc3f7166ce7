"""Walks chains of steps: the rules of `contract.chain_choice`, as one compiled loop."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.agent import Turn
from sim.arrays import Floats, Ints
from sim.history import contains
from sim.jit import compiled

USER, LAST_TRACK, LISTENED_TRACK, EVERYONE, ARTIST, CATALOG = range(6)
"""Codes of where a step looks."""

FIRST, BEST, NEXT, UNSEEN, ANY = range(5)
"""Codes of how it picks."""

_NONE = (-1, -1, 1)
"""Track, its place in the list, number of tracks it was drawn from: there is no track."""

Tracks = NDArray[np.int32]


class Steps(NamedTuple):
    """The steps of a chain; arrays of shape (n_steps,).

    Attributes
    ----------
    places, picks : int64
        Codes, as above.
    rows : int64
        Row of `Lists` at which the step's lists begin.
    plays : int64
        From how many of the last plays a listened track is drawn.
    time_from, time_below : float64
        The step is used after plays of such times.
    sources : int64
        Index into the agent's `sources`.
    """

    places: Ints
    picks: Ints
    rows: Ints
    plays: Ints
    time_from: Floats
    time_below: Floats
    sources: Ints


class Lists(NamedTuple):
    """All lists of a chain as CSR: list r is tracks[bounds[r]:bounds[r + 1]].

    `artist_of` has shape (n_tracks,); `excluded` are sorted tracks that no step may offer.
    """

    bounds: Ints
    tracks: Tracks
    artist_of: Tracks
    excluded: Tracks


class Answers(NamedTuple):
    """An `Answer` to fill in."""

    tracks: Ints
    ranks: Ints
    propensities: Floats
    sources: Ints


@compiled
def walk(
    turn: Turn, random: tuple[Floats, Floats], steps: Steps, lists: Lists, shares: Ints
) -> Answers:
    """The chain's answer for each session of the turn.

    `random`: two uniforms from [0, 1) for each session, shape (n,). `shares`: times of the last
    plays as integers, shape (slots, m), play j of a session at [slot, j % m].
    """
    n, integer = len(turn.slots), np.int64
    answers = Answers(
        np.empty(n, integer), np.empty(n, integer), np.empty(n), np.empty(n, integer)
    )
    for i in range(n):
        first, second = random[0][i], random[1][i]
        time, last, slot = turn.times[i], turn.tracks[i], turn.slots[i]
        history, played = turn.history[slot], turn.steps[i] + 1
        for step in range(len(steps.places)):
            if not steps.time_from[step] <= time < steps.time_below[step]:
                continue
            place, pick, row = steps.places[step], steps.picks[step], steps.rows[step]
            if place == CATALOG:
                track, rank, count = _from_catalog(
                    history, played, turn.distinct[i], lists, pick == UNSEEN, first, second
                )
                propensity = 1.0 / count
            elif place == LISTENED_TRACK:
                since = max(0, played - steps.plays[step])
                track, rank, propensity = _from_listened(
                    history, played, since, lists, row, shares[slot], pick, first, second
                )
            else:
                if place == USER:
                    row += turn.user_rows[i]
                elif place == LAST_TRACK:
                    row += last
                elif place == ARTIST:
                    row += lists.artist_of[last]
                mine = lists.tracks[lists.bounds[row] : lists.bounds[row + 1]]
                track, rank, count = from_list(history, played, mine, pick, first, lists.excluded)
                propensity = 1.0 / count
                if place == ARTIST:  # an artist's tracks have no order
                    rank = -1
            if track >= 0:
                answers.tracks[i], answers.ranks[i] = track, rank
                answers.propensities[i], answers.sources[i] = propensity, steps.sources[step]
                break
    return answers


@compiled
def from_list(
    history: Tracks, n: int, tracks: Tracks, pick: int, uniform: float, excluded: Tracks
) -> tuple[int, int, int]:
    """A track of a list, its place, and the number of tracks that it was drawn from."""
    if pick == ANY and not len(excluded):
        if not len(tracks):
            return _NONE
        place = int(uniform * len(tracks))
        return tracks[place], place, len(tracks)
    filtered = pick in (FIRST, NEXT, UNSEEN)
    if pick in (FIRST, BEST, NEXT):
        begin = 0
        if pick == NEXT:
            for place in range(len(tracks)):
                if tracks[place] == history[n - 1]:
                    begin = place + 1
        for place in range(begin, len(tracks)):
            if not _taken(history, n, tracks[place], filtered, excluded):
                return tracks[place], place, 1
        return _NONE
    count = _count_free(history, n, tracks, filtered, excluded)
    skip = int(uniform * count)
    for place in range(len(tracks)):
        if not _taken(history, n, tracks[place], filtered, excluded):
            if skip == 0:
                return tracks[place], place, count
            skip -= 1
    return _NONE


@compiled
def _from_listened(
    history: Tracks,
    n: int,
    since: int,
    lists: Lists,
    row: int,
    shares: Ints,
    pick: int,
    first: float,
    second: float,
) -> tuple[int, int, float]:
    """A track of the list of one of the plays since `since`, its place, and its propensity.

    The play is drawn by the time heard, among those whose lists have a free track.
    """
    total = 0
    for play in range(since, n):
        if _has_free(history, n, _list_of(lists, row, history[play]), pick, lists.excluded):
            total += shares[play % len(shares)]
    if total == 0:
        return -1, -1, 1.0
    drawn, track, rank = int(second * total), -1, -1
    for play in range(since, n):
        mine, share = _list_of(lists, row, history[play]), shares[play % len(shares)]
        if share and _has_free(history, n, mine, pick, lists.excluded):
            if drawn < share:
                track, rank, _ = from_list(history, n, mine, pick, first, lists.excluded)
                break
            drawn -= share
    likely, drawables, only = 0.0, 0, 1
    for play in range(since, n):
        mine, share = _list_of(lists, row, history[play]), shares[play % len(shares)]
        if share and _has_free(history, n, mine, pick, lists.excluded):
            drawables += 1
            best, _, count = from_list(history, n, mine, pick, 0.0, lists.excluded)
            only = count
            if best == track or (count > 1 and contains(mine, len(mine), track)):
                likely += share / count
    return track, rank, likely / total if drawables > 1 else 1.0 / only


@compiled
def _list_of(lists: Lists, row: int, track: int) -> Tracks:
    mine: Tracks = lists.tracks[lists.bounds[row + track] : lists.bounds[row + track + 1]]
    return mine


@compiled
def _has_free(history: Tracks, n: int, tracks: Tracks, pick: int, excluded: Tracks) -> bool:
    return from_list(history, n, tracks, pick, 0.0, excluded)[0] >= 0


@compiled
def _count_free(history: Tracks, n: int, tracks: Tracks, filtered: bool, excluded: Tracks) -> int:
    free = 0
    for place in range(len(tracks)):
        free += not _taken(history, n, tracks[place], filtered, excluded)
    return free


@compiled
def _taken(history: Tracks, n: int, track: int, filtered: bool, excluded: Tracks) -> bool:
    return (filtered and contains(history, n, track)) or (
        len(excluded) > 0 and _is_excluded(excluded, track)
    )


@compiled
def _is_excluded(excluded: Tracks, track: int) -> bool:
    at = np.searchsorted(excluded, track)
    return bool(at < len(excluded) and excluded[at] == track)


@compiled
def _from_catalog(
    history: Tracks,
    n: int,
    distinct: int,
    lists: Lists,
    filtered: bool,
    first: float,
    second: float,
) -> tuple[int, int, int]:
    """Uniform over the free tracks of the catalog; where all were played, over all.

    The first uniform number nearly always suffices. If it gives a track that is not free, the
    second one draws among the free tracks in the order of their ids, which is as uniform as
    drawing again.
    """
    n_tracks, excluded = len(lists.artist_of), lists.excluded
    track = int(first * n_tracks)
    if not len(excluded):
        if not filtered or distinct >= n_tracks:
            return track, -1, n_tracks
        if not contains(history, n, track):
            return track, -1, n_tracks - distinct
    taken = excluded.copy()
    if filtered:
        taken = np.unique(np.concatenate((excluded, history[:n])))
        if len(taken) == n_tracks:  # all were played: any that is not excluded
            taken = excluded.copy()
    if len(taken) == n_tracks:  # all are excluded: something must be played
        taken = excluded[:0].copy()
    free = n_tracks - len(taken)
    if _is_excluded(taken, track):
        track = int(second * free)
        for other in taken:
            if other <= track:
                track += 1
    return track, -1, free
