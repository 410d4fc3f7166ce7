"""Target policies: the choice of a recommender that is not served yet, with its probability."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from offline.errors import InputError
from offline.off_policy.decisions import Bools, Decisions, Floats, Ints


class Target(Protocol):
    """A policy next to the n decisions of a log; arrays of shape (n,)."""

    @property
    def name(self) -> str:
        """As the table shows it."""

    @property
    def answers(self) -> Bools:
        """Whether the policy has a track to offer there."""

    @property
    def chances(self) -> Floats:
        """With what chance it would have chosen the track that was recommended."""

    @property
    def notes(self) -> Sequence[str]:
        """What a reader of its table must know."""

    def mean_of(self, values: Floats) -> Floats:
        """Mean of a value per track over what the policy would choose at each decision.

        `values` has one for each of `Decisions.logged`, and at the end one for all other tracks.
        """


class ListTarget:
    """Each user's list, best first: the first track not played yet in the session."""

    def __init__(self, name: str, lists: Mapping[str, Sequence[int]], log: Decisions) -> None:
        """`lists` by user id in digits. Raises InputError where no user of the log has one."""
        self.name = name
        mine = [lists.get(user, ()) for user in log.user_ids]
        unknown = sum(not tracks for tracks in mine)
        if unknown == len(mine):
            raise InputError(f"{name}: no user of the log has a list in it")
        tracks = _first_unplayed(mine, log)
        self.answers: Bools = tracks >= 0
        self.chances: Floats = (self.answers & (tracks == log.recommendations)).astype(np.float64)
        self._codes = log.codes(tracks)
        strangers = len(lists) - len(mine) + sum(user not in lists for user in log.user_ids)
        self.notes = _notes(unknown, strangers, int((log.usable & ~self.answers).sum()))

    def mean_of(self, values: Floats) -> Floats:
        return values[self._codes]


class PopularTarget:
    """Uniform over the most popular tracks that were not played yet in the session."""

    def __init__(self, name: str, top_tracks: Sequence[int], log: Decisions) -> None:
        self.name = name
        self._codes = log.codes(np.asarray(top_tracks, np.int64))
        place_of = {track: place for place, track in enumerate(top_tracks)}
        n = len(log.users)
        # The place of a popular track that is played for the first time in its session, or -1.
        self._newly_played: Ints = np.full(n, -1)
        offered = np.zeros(n, np.bool_)
        played: set[int] = set()
        rows = zip(log.tracks.tolist(), log.recommendations.tolist(), strict=True)
        starts = _starts(log.sessions)
        for i, (track, recommendation) in enumerate(rows):
            if starts[i]:
                played = set()
            if track in place_of and track not in played:
                self._newly_played[i] = place_of[track]
            played.add(track)
            offered[i] = recommendation in place_of and recommendation not in played
        # Which line began the session of each line.
        self._begins = np.maximum.accumulate(np.where(starts, np.arange(n), 0))
        self._left = len(top_tracks) - self._sum_played(np.ones(len(top_tracks)))
        self.answers: Bools = self._left > 0
        self.chances: Floats = np.where(offered, 1 / np.maximum(self._left, 1), 0.0)
        self.notes = _notes(0, 0, int((log.usable & ~self.answers).sum()))

    def mean_of(self, values: Floats) -> Floats:
        mine = values[self._codes]
        means: Floats = (mine.sum() - self._sum_played(mine)) / np.maximum(self._left, 1)
        return means

    def _sum_played(self, values: Floats) -> Floats:
        """Sum of a value per popular track over those that the session has played so far."""
        new = np.where(self._newly_played >= 0, values[self._newly_played], 0.0)
        sums: Floats = np.cumsum(new)
        before: Floats = (sums - new)[self._begins]
        return sums - before


def _first_unplayed(lists: Sequence[Sequence[int]], log: Decisions) -> Ints:
    """The first track of the user's list that the session has not played; -1 where none is."""
    tracks = np.full(len(log.users), -1)
    mine: Sequence[int] = ()
    played: set[int] = set()
    place = 0
    rows = zip(log.users.tolist(), log.tracks.tolist(), strict=True)
    starts = _starts(log.sessions)
    for i, (user, track) in enumerate(rows):
        if starts[i]:
            mine, played, place = lists[user], set(), 0
        played.add(track)
        while place < len(mine) and mine[place] in played:
            place += 1
        if place < len(mine):
            tracks[i] = mine[place]
    return tracks


def _starts(sessions: Ints) -> Bools:
    starts: Bools = np.diff(sessions, prepend=-1) != 0
    return starts


def _notes(unknown: int, strangers: int, silent: int) -> list[str]:
    notes = []
    if unknown:
        notes.append(f"{unknown:,} users of the log have no list")
    if strangers:
        notes.append(f"{strangers:,} users with a list are not in the log")
    if silent:
        notes.append(f"{silent:,} decisions are left out: the target has no track for them")
    return notes
