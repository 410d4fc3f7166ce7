"""Walks chains of steps: the rules of `contract.chain_choice`, as one compiled loop."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.agent import Turn
from sim.agents import excluding
from sim.agents.selection import NONE, after, any_unseen, from_catalog
from sim.arrays import Floats, Ints
from sim.history import contains
from sim.jit import compiled
from sim.rng import AGENT, Key, uniforms

USER, LAST_TRACK, LISTENED_TRACK, EVERYONE, ARTIST, CATALOG = range(6)
"""Codes of where a step looks."""

FIRST, BEST, NEXT, UNSEEN, ANY = range(5)
"""Codes of how it picks."""

Tracks = NDArray[np.int32]


class Lists(NamedTuple):
    """All lists of a chain as CSR: list r is tracks[bounds[r]:bounds[r + 1]].

    `artist_of` has shape (n_tracks,).
    """

    bounds: Ints
    tracks: Tracks
    artist_of: Tracks


class Answers(NamedTuple):
    """An `Answer` to fill in."""

    tracks: Ints
    ranks: Ints
    propensities: Floats
    sources: Ints


@compiled
def walk(
    turn: Turn,
    key: Key,
    random: tuple[Floats, Floats] | None,
    steps: Ints,
    times: Floats,
    lists: Lists,
    excluded: Tracks | None,
    shares: Ints | None,
) -> Answers:
    """The chain's answer for each session of the turn.

    What is None is left out of the compiled loop, which makes it faster.

    Parameters
    ----------
    turn : Turn
    key : Key
        Of the run's seed.
    random : two float64 arrays, shape (n,), or None
        Two uniforms from [0, 1) for each session, in place of those of its stream.
    steps : int64 array, shape (n_steps, 5)
        Of each step: where it looks and how it picks, as above; the row of `lists` at which its
        lists begin; from how many of the last plays a listened track is drawn; the index into
        the agent's `sources`.
    times : float64 array, shape (n_steps, 2)
        A step is used after plays of at least the first time and of less than the second.
    lists : Lists
    excluded : int32 array, or None
        Sorted tracks that no step may offer.
    shares : int64 array, shape (slots, m), or None
        Times of the last plays as integers: play j of a session at [slot, j % m]. Needed for
        listened tracks.

    Returns
    -------
    Answers
    """
    n, integer = len(turn.slots), np.int64
    answers = Answers(
        np.empty(n, integer), np.empty(n, integer), np.empty(n), np.empty(n, integer)
    )
    bounds, tracks, artist_of = lists.bounds, lists.tracks, lists.artist_of
    n_tracks = len(artist_of)
    for i in range(n):
        slot, last, played = turn.slots[i], turn.tracks[i], turn.steps[i] + 1
        first = second = -1.0
        for step in range(len(steps)):
            if not times[step, 0] <= turn.times[i] < times[step, 1]:
                continue
            place, pick, row = steps[step, 0], steps[step, 1], steps[step, 2]
            if first < 0.0 and (place == LISTENED_TRACK or pick in (UNSEEN, ANY)):
                if random is not None:
                    first, second = random[0][i], random[1][i]
                else:
                    first, second = uniforms(key, AGENT, turn.episodes[i], turn.steps[i])
            track, rank, count, propensity = -1, -1, 1, 0.0
            if place == CATALOG:
                if excluded is not None:
                    track, rank, count = excluding.from_catalog(
                        turn.history[slot],
                        played,
                        n_tracks,
                        pick == UNSEEN,
                        excluded,
                        first,
                        second,
                    )
                elif pick == UNSEEN:
                    track, rank, count = from_catalog(
                        turn.history[slot], played, turn.distinct[i], n_tracks, first, second
                    )
                else:
                    track, count = int(first * n_tracks), n_tracks
            elif place == LISTENED_TRACK:
                if shares is not None:
                    track, rank, propensity = _from_listened(
                        *(turn.history[slot], played, max(0, played - steps[step, 3]), lists, row),
                        *(shares[slot], pick, first, second, excluded),
                    )
            else:
                if place == USER:
                    row += turn.user_rows[i]
                elif place == LAST_TRACK:
                    row += last
                elif place == ARTIST:
                    row += artist_of[last]
                begin, end = bounds[row], bounds[row + 1]
                if pick == ANY and excluded is None:
                    if begin < end:
                        count = end - begin
                        rank = int(first * count)
                        track = tracks[begin + rank]
                else:
                    track, rank, count = _from_list(
                        turn.history[slot], played, tracks, begin, end, pick, first, excluded
                    )
                if place == ARTIST:  # an artist's tracks have no order
                    rank = -1
            if track >= 0:
                answers.tracks[i], answers.ranks[i] = track, rank
                answers.propensities[i] = propensity if propensity > 0.0 else 1.0 / count
                answers.sources[i] = steps[step, 4]
                break
    return answers


@compiled
def _from_list(
    history: Tracks,
    n: int,
    tracks: Tracks,
    begin: int,
    end: int,
    pick: int,
    uniform: float,
    excluded: Tracks | None,
) -> tuple[int, int, int]:
    """One of tracks[begin:end], its place, and the number of tracks that it was drawn from."""
    if excluded is not None:
        mine, unseen = tracks[begin:end], pick in (FIRST, NEXT, UNSEEN)
        if pick in (UNSEEN, ANY):
            return excluding.sampled(history, n, mine, uniform, unseen, excluded)
        return excluding.ranked(history, n, mine, unseen, pick == NEXT, excluded)
    if pick in (FIRST, NEXT):
        place = after(tracks[begin:end], history[n - 1]) if pick == NEXT else 0
        for at in range(begin + place, end):
            if not contains(history, n, tracks[at]):
                return tracks[at], at - begin, 1
        return NONE
    if pick == UNSEEN:
        return any_unseen(history, n, tracks[begin:end], uniform)
    if begin == end:
        return NONE
    count = end - begin if pick == ANY else 1
    place = int(uniform * count) if pick == ANY else 0
    return tracks[begin + place], place, count


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
    excluded: Tracks | None,
) -> tuple[int, int, float]:
    """A track of the list of one of the plays since `since`, its place, and its propensity.

    The play is drawn by the time heard, among those whose lists have a free track.
    """
    bounds, tracks = lists.bounds, lists.tracks
    # Of each play: its share if its list has a free track, the first one, and their number.
    weights, best, counts = np.zeros((3, n - since), np.int64)
    for i in range(n - since):
        at, share = row + history[since + i], shares[(since + i) % len(shares)]
        if share:
            best[i], _, counts[i] = _from_list(
                history, n, tracks, bounds[at], bounds[at + 1], pick, 0.0, excluded
            )
            weights[i] = share if best[i] >= 0 else 0
    total = weights.sum()
    if total == 0:
        return -1, -1, 1.0
    drawn, chosen = int(second * total), 0
    while drawn >= weights[chosen]:
        drawn -= weights[chosen]
        chosen += 1
    at = row + history[since + chosen]
    track, rank, count = _from_list(
        history, n, tracks, bounds[at], bounds[at + 1], pick, first, excluded
    )
    if np.sum(weights > 0) == 1:
        return track, rank, 1.0 / count
    likely = 0.0
    for i in range(n - since):
        if weights[i]:
            at = row + history[since + i]
            mine = tracks[bounds[at] : bounds[at + 1]]
            if best[i] == track or (counts[i] > 1 and contains(mine, len(mine), track)):
                likely += weights[i] / counts[i]
    return track, rank, likely / total
