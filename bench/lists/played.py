"""Plays lists to listeners: which places are reached, heard, and fit the session."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.lists.truth import Tracks, Truth
from sim.agent import Answer, Turn
from sim.agents.policies import Policy
from sim.engine.events import Recorder
from sim.engine.play import play
from sim.ladder.stats import UserSums
from sim.rng import Streams
from sim.world import World

PLACES = tuple(slice(a, b) for a, b in ((0, 5), (5, 10), (10, 20), (20, 30), (30, 50)))
_FITS = 0.5
"""A track fits a taste if half of it or more would be heard."""


class Knowing(Policy):
    """Plays each session the list of its true taste: the most that lists can reach."""

    def __init__(self, streams: Streams, truth: Truth, length: int, top_tracks: Tracks) -> None:
        lists = truth.taste_lists(length)
        super().__init__("indexed", streams, lists.reshape(-1, length), top_tracks)
        self._interests = truth.interests

    def recommend(self, turn: Turn) -> Answer:
        taste = (self._interests[turn.user_rows] == turn.tastes[:, None]).argmax(1)
        rows = turn.user_rows * self._interests.shape[1] + taste
        return super().recommend(turn._replace(user_rows=rows))


class _Watched(Policy):
    """Records the taste of each session."""

    def begin(self, world: World, slots: int) -> None:
        super().begin(world, slots)
        self.lived: list[tuple[NDArray[np.int64], ...]] = []

    def end(self, turn: Turn) -> None:
        self.lived.append((turn.episodes, turn.user_rows, turn.tastes))


@dataclass(frozen=True, eq=False)
class Heard:
    """Results of sessions with some lists; one row per session unless stated otherwise."""

    sums: UserSums
    reached: NDArray[np.bool_]
    """Whether each place was offered, shape (sessions, length)."""
    times: NDArray[np.float64]
    """Share heard of each track, same shape; 0 if it was not reached."""
    outlived: NDArray[np.bool_]
    """Whether the session continued after its list had ended."""
    fits: NDArray[np.bool_]
    """Whether each place fits the session's taste, shape (sessions, length)."""
    fits_some: NDArray[np.bool_]
    """Whether it fits any taste of the user."""
    first_taste: NDArray[np.bool_]
    """Whether the session's taste is the one that the list's first track suits best."""

    def summary(self) -> list[str]:
        """Share of the list that fits the session, or some taste; sessions that outlive it."""
        return [percent(x) for x in (self.fits, self.fits_some, self.outlived)]

    def at(self, places: slice) -> list[str]:
        """Of these places: % of sessions that reach them, share heard, % that fits."""
        reached = self.reached[:, places]
        heard = self.times[:, places].sum() / max(1, reached.sum())
        return [percent(reached), f"{heard:.2f}", percent(self.fits[:, places])]

    def by_taste(self) -> list[str]:
        """Sessions of the list's first taste, and the time of these and of others, in tracks."""
        time = 1.0 + self.times.sum(1)
        first = self.first_taste
        return [percent(first), f"{time[first].mean():.2f}", f"{time[~first].mean():.2f}"]


def percent(of: NDArray[np.bool_]) -> str:
    return f"{100 * of.mean():.0f} %"


def play_lists(
    world: World,
    truth: Truth,
    streams: Streams,
    seed: int,
    episodes: int,
    lists: Tracks,
    top_tracks: Tracks,
) -> Heard:
    """Play the episodes to lists with a row per user of the world."""
    agent, recorder, sums = (
        _Watched("indexed", streams, lists, top_tracks),
        Recorder(),
        UserSums(len(lists)),
    )
    play(world, agent, seed=seed, episodes=range(episodes), recorder=recorder, progress=sums.add)
    events = recorder.events()
    numbers, users, tastes = (np.concatenate(column) for column in zip(*agent.lived, strict=True))
    order = np.argsort(numbers)
    users, tastes = users[order], tastes[order]

    reached = np.zeros((episodes, lists.shape[1]), dtype=bool)
    times = np.zeros(reached.shape)
    # The answer on one line is the track played on the next.
    offered = np.flatnonzero(events.sources == 0)
    where = events.episodes[offered], events.ranks[offered]
    reached[where], times[where] = True, events.times[offered + 1]
    outlived = np.zeros(episodes, dtype=bool)
    outlived[events.episodes[events.sources > 0]] = True

    fits, some, first = np.zeros_like(reached), np.zeros_like(reached), np.zeros_like(outlived)
    for user in np.unique(users).tolist():
        shares = truth.shares(user, lists[user])
        for session in np.flatnonzero(users == user).tolist():
            mine = int((truth.interests[user] == tastes[session]).argmax())
            fits[session] = shares[mine] >= _FITS
            some[session] = shares.max(0) >= _FITS
            first[session] = shares[mine, 0] == shares[:, 0].max()
    return Heard(sums, reached, times, outlived, fits, some, first)
