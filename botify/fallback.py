"""Answers without Redis: popular tracks from this worker's memory."""

import random
import time
from collections import OrderedDict
from threading import Lock

from botify.catalog import unpack
from botify.store import Farewell, Offer

FALLBACK = "fallback"
"""Name in the log of answers that were given without Redis."""

_MOST_USERS = 100_000
_FORGOTTEN = -1
"""Stands for all users whose times are no longer known."""


class Fallback:
    """Uniform over the popular tracks, whatever the session has heard: sessions live in Redis.

    Never the track just played, nor one that is excluded, unless nothing else is there.
    """

    def __init__(self, n_tracks: int, popular: bytes) -> None:
        """`popular` are packed tracks; the whole catalog serves where there are none."""
        self.newest = 0
        """The latest time, in ms, that Redis gave to any event of this worker."""
        self._n_tracks = n_tracks
        self._rng = random.Random()
        self._owed: OrderedDict[int, int] = OrderedDict()
        self._latest: dict[int, int] = {}
        self._lock = Lock()
        self.popular = popular

    @property
    def popular(self) -> bytes:
        """The popular tracks, packed; may be replaced at any time."""
        return self._popular

    @popular.setter
    def popular(self, packed: bytes) -> None:
        self._popular = packed
        self._tracks = unpack(packed) or range(self._n_tracks)

    def next(self, user: int, played: int, exclude: bytes) -> Offer:
        """A track to play, in microseconds and without fail."""
        tracks = self._tracks
        barred = {played, *unpack(exclude)}
        free = [track for track in tracks if track not in barred] or tracks
        return Offer(
            session=None,
            timestamp=self._later(user),
            track=self._rng.choice(free),
            recommender=FALLBACK,
            rank=None,
            propensity=1 / len(free),
            model_version=None,
        )

    def last(self, user: int) -> Farewell:
        """Note that Redis must be told that the session is over (`owed`)."""
        now = self._later(user)
        with self._lock:
            self._owed[user] = now
            if len(self._owed) > _MOST_USERS:  # the oldest then expires in Redis by itself
                self._owed.popitem(last=False)
        return Farewell(session=None, timestamp=now)

    def owed(self) -> list[tuple[int, int]]:
        """Users whose sessions ended unknown to Redis, and when (ms since the epoch)."""
        with self._lock:
            return list(self._owed.items())

    def paid(self, user: int, when: int) -> None:
        """Redis was told of the session of `user` that ended at `when`."""
        with self._lock:
            if self._owed.get(user) == when:
                del self._owed[user]

    def _later(self, user: int) -> int:
        """Ms since the epoch, later than any time that the user had here before.

        The clock may have been set back since: then, later than any time of anybody.
        """
        with self._lock:
            latest = self._latest
            known = latest.get(user, latest.get(_FORGOTTEN, 0)) + 1
            now = max(time.time_ns() // 1_000_000, known, self.newest + 1)
            if len(latest) >= _MOST_USERS:
                newest = max(latest.values())
                latest.clear()
                latest[_FORGOTTEN] = newest
            latest[user] = now
            return now
