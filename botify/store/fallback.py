"""Answers without Redis: popular tracks from this worker's memory."""

import random
import time
from datetime import UTC, datetime
from threading import Lock

import mmh3

from botify.catalog import pack, unpack
from botify.plays import Play
from botify.store.outbox import Notes
from botify.store.sessions import Farewell, Offer

FALLBACK = "fallback"
"""Name in the log of answers that were given without Redis."""

_MOST_USERS = 100_000
_FORGOTTEN = -1
"""Stands for all users whose times are no longer known."""
_RING = 2**32 - 1


class Fallback:
    """One of the popular tracks, and in a session none again before all of them were offered.

    A user hears them in an order that is a function of the user and of the day (UTC) alone, from
    the track just played on: so workers and hosts that answer a session in turn, and do not know
    of each other, offer no track twice. Over users, each order is as likely as any other.
    """

    def __init__(self, n_tracks: int, popular: bytes) -> None:
        """`popular` are packed tracks; the whole catalog serves where there are none."""
        self.newest = 0
        """The latest time, in ms, that Redis gave to any event of this worker."""
        self._n_tracks = n_tracks
        self._rng = random.Random()
        self._latest: dict[int, int] = {}
        self._lock = Lock()
        self.notes = Notes()
        """What Redis must be told."""
        self.popular = popular

    @property
    def popular(self) -> bytes:
        """The popular tracks, packed; may be replaced at any time."""
        return self._popular

    @popular.setter
    def popular(self, packed: bytes) -> None:
        self._popular = packed
        self._tracks = [(track, pack([track])) for track in unpack(packed)]

    def next(self, user: int, play: Play, exclude: bytes, *, keep_play: bool) -> Offer:
        """A track to play, in microseconds and without fail; noted for Redis.

        Never the track just played, nor one that is excluded, unless nothing else is there. Nor
        one that this worker answered to the session before. `exclude`: packed tracks.
        `keep_play`: whether Redis must learn the play itself, for a recommender that hears it.
        """
        now = self._later(user)
        barred = {play.track, *unpack(exclude)}
        known = barred | self.notes.heard(user)
        track, drawn_from = (
            self._popular_track(user, play.track, known)
            or self._any_track(known)
            or self._any_track(barred)  # all was heard
            or (self._rng.randrange(self._n_tracks), self._n_tracks)  # and all is excluded
        )
        self.notes.answered(user, now, play.track, track, play.time if keep_play else None)
        return Offer(
            session=None,
            timestamp=now,
            track=track,
            recommender=FALLBACK,
            rank=None,
            propensity=1 / drawn_from,
            model_version=None,
        )

    def last(self, user: int) -> Farewell:
        """End the session; noted for Redis."""
        now = self._later(user)
        self.notes.ended(user, now)
        return Farewell(session=None, timestamp=now)

    def _popular_track(self, user: int, played: int, barred: set[int]) -> tuple[int, int] | None:
        """The one not barred that follows the played track in the user's order, a ring of hashes;
        and how many were free. None where none was."""
        free = [(track, packed) for track, packed in self._tracks if track not in barred]
        if not free:
            return None
        hashed = mmh3.mmh3_32_uintdigest
        seed = hashed(f"{user} {datetime.now(UTC).date()}".encode(), 0)
        here = hashed(pack([played]), seed)
        track, _ = min(free, key=lambda each: (hashed(each[1], seed) - here) & _RING)
        return track, len(free)

    def _any_track(self, barred: set[int]) -> tuple[int, int] | None:
        free = [track for track in range(self._n_tracks) if track not in barred]
        return (self._rng.choice(free), len(free)) if free else None

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
