"""Answers while Redis is unavailable: popular tracks from this worker's memory."""

import random
import time
from datetime import UTC, datetime
from threading import Lock

import mmh3

from botify.catalog import pack, unpack
from botify.plays import Play
from botify.store.outbox import Outbox
from botify.store.sessions import Decision, SessionEnd, SessionStore

FALLBACK = "fallback"
"""The recommender in the log for these answers."""

_MAX_USERS = 100_000
_FORGOTTEN = -1
"""Stands for all users whose timestamps were dropped."""
_RING = 2**32 - 1


class Fallback:
    """One of the popular tracks; in a session, none twice before all of them were offered.

    A user gets them in an order that is a function of only the user and the day (UTC), starting
    after the track just played. So workers and hosts that take turns in answering a session offer
    no track twice, although they share nothing. Over users, all orders are equally likely.
    """

    def __init__(self, n_tracks: int, popular: bytes) -> None:
        """`popular`: packed tracks; if there are none, tracks come from the whole catalog."""
        self.latest_redis_ms = 0
        """The latest timestamp, in ms, that Redis gave to any event of this worker."""
        self._n_tracks = n_tracks
        self._rng = random.Random()
        self._latest: dict[int, int] = {}
        self._lock = Lock()
        self.outbox = Outbox()
        """Updates that Redis has to get when it is available again."""
        self.popular = popular

    @property
    def popular(self) -> bytes:
        """The popular tracks, packed; may be replaced at any time."""
        return self._popular

    @popular.setter
    def popular(self, packed: bytes) -> None:
        self._popular = packed
        self._tracks = [(track, pack([track])) for track in unpack(packed)]

    def flush(self, store: SessionStore) -> None:
        """Write the outbox. Raises StoreError."""
        self.outbox.flush(store)

    def next(self, user: int, play: Play, exclude: bytes, *, keep_play: bool) -> Decision:
        """A track to play, in microseconds; never fails. Recorded in the outbox.

        Not the track just played, an excluded one (`exclude`: packed tracks), or one that this
        worker offered to the session before, unless no other track is left. `keep_play`: whether
        Redis must get the play as well, for a recommender that needs the plays of sessions.
        """
        now = self._timestamp(user)
        barred = {play.track, *unpack(exclude)}
        known = barred | self.outbox.seen(user)
        track, drawn_from = (
            self._popular_track(user, play.track, known)
            or self._any_track(known)
            or self._any_track(barred)  # all tracks were seen
            or (self._rng.randrange(self._n_tracks), self._n_tracks)  # and all are excluded
        )
        self.outbox.add_answer(user, now, play.track, track, play.time if keep_play else None)
        return Decision(
            session=None,
            timestamp=now,
            track=track,
            recommender=FALLBACK,
            rank=None,
            propensity=1 / drawn_from,
            model_version=None,
        )

    def last(self, user: int) -> SessionEnd:
        """End the session. Recorded in the outbox."""
        now = self._timestamp(user)
        self.outbox.add_end(user, now)
        return SessionEnd(session=None, timestamp=now)

    def _popular_track(self, user: int, played: int, barred: set[int]) -> tuple[int, int] | None:
        """The first free track after the played one in the user's order, a ring of hashes, and
        the number of free tracks; None if no track is free."""
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

    def _timestamp(self, user: int) -> int:
        """Ms since the epoch, later than every earlier timestamp of the user from this worker.

        Holds although the clock may be set back. Of a user whose timestamps were dropped: later
        than every dropped one.
        """
        with self._lock:
            latest = self._latest
            known = latest.get(user, latest.get(_FORGOTTEN, 0)) + 1
            now = max(time.time_ns() // 1_000_000, known, self.latest_redis_ms + 1)
            if len(latest) >= _MAX_USERS:
                newest = max(latest.values())
                latest.clear()
                latest[_FORGOTTEN] = newest
            latest[user] = now
            return now
