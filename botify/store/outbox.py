"""Changes to sessions while Redis is unavailable, kept until they can be written to it."""

import logging
import struct
from collections import OrderedDict
from threading import Lock
from typing import NamedTuple

from botify.store.sessions import SessionStore

_MAX_USERS = 100_000
_MAX_ANSWERS = 500_000
"""Over all users."""
_ANSWER = struct.Struct("<dIIf")
"""As record_fallback.lua reads it: ms, track played, track offered, `time` or `_NO_PLAY`."""
_NO_PLAY = -1.0

_log = logging.getLogger("botify.store.outbox")


class PendingUpdate(NamedTuple):
    """Changes to one user's session."""

    ended: int | None = None
    """When the session that is in Redis ended, ms since the epoch; None if it did not end."""
    answers: bytes = b""
    """Answers of the fallback since then, packed for `SessionStore.record_fallback`."""
    sent: int = 0
    """Bytes of `answers` that Redis has."""

    @property
    def unsent(self) -> bytes:
        """Answers that Redis does not have."""
        return self.answers[self.sent :]


class Outbox:
    """Pending updates of many users, in bounded memory. Thread-safe."""

    def __init__(self, max_users: int = _MAX_USERS, max_answers: int = _MAX_ANSWERS) -> None:
        """Beyond these limits, updates are dropped, of the users silent for the longest first."""
        self._max_users = max_users
        self._max_answers = max_answers
        self._updates: OrderedDict[int, PendingUpdate] = OrderedDict()
        self._n_answers = 0
        self._lock = Lock()
        self._logged_loss = False
        self.pending_users: set[int] = set()
        """Users with updates that Redis does not have. For reading only."""

    def add_answer(
        self, user: int, at: int, played: int, offered: int, share: float | None
    ) -> None:
        """The fallback offered a track, at `at` ms since the epoch, after one was played.

        `share`: the `time` of the track played, if Redis has to get the play; else None.
        """
        answer = _ANSWER.pack(at, played, offered, _NO_PLAY if share is None else share)
        with self._lock:
            update = self._updates.get(user, PendingUpdate())
            self._set(user, update._replace(answers=update.answers + answer))

    def add_end(self, user: int, at: int) -> None:
        """The session ended, and Redis does not have its end."""
        with self._lock:
            self._set(user, PendingUpdate(ended=at))

    def discard(self, user: int) -> None:
        """The session ended, and Redis has its end: drop the user's updates."""
        with self._lock:
            self._drop(user)

    def seen(self, user: int) -> set[int]:
        """Tracks that the user's session played or was offered by the fallback."""
        with self._lock:
            answers = self._updates.get(user, PendingUpdate()).answers
        return {track for answer in _ANSWER.iter_unpack(answers) for track in answer[1:3]}

    def pending(self, user: int | None = None) -> list[tuple[int, PendingUpdate]]:
        """What Redis does not have, by user: of all users, or of this one."""
        with self._lock:
            users = list(self.pending_users) if user is None else self.pending_users & {user}
            return [(user, self._updates[user]) for user in users]

    def flush(self, store: SessionStore, user: int | None = None) -> None:
        """Write what is pending, of all users or of this one. Raises StoreError."""
        for owner, update in self.pending(user):
            if update.ended is not None:
                store.last(owner, late=update.ended)
            if update.unsent:
                store.record_fallback(owner, update.unsent)
            self.acknowledge(owner, update)

    def acknowledge(self, user: int, update: PendingUpdate) -> None:
        """Redis has this update, which `pending` returned."""
        with self._lock:
            now = self._updates.get(user)
            # It may have grown since, or be of another session.
            if (
                now is not None
                and now.ended == update.ended
                and now.answers.startswith(update.answers)
            ):
                self._set(user, PendingUpdate(None, now.answers, len(update.answers)))

    def _set(self, user: int, update: PendingUpdate) -> None:
        self._drop(user)
        if update == PendingUpdate():
            return
        self._updates[user] = update
        self._n_answers += len(update.answers) // _ANSWER.size
        if update.ended is not None or update.unsent:
            self.pending_users.add(user)
        while len(self._updates) > self._max_users or (
            self._n_answers > self._max_answers and len(self._updates) > 1
        ):
            oldest = next(iter(self._updates))
            if oldest in self.pending_users and not self._logged_loss:
                self._logged_loss = True
                _log.warning(
                    "Redis has been unavailable for so long that the outbox is full: answers to "
                    "the sessions silent for the longest are dropped and will not reach Redis"
                )
            self._drop(oldest)

    def _drop(self, user: int) -> None:
        update = self._updates.pop(user, None)
        if update is not None:
            self._n_answers -= len(update.answers) // _ANSWER.size
            self.pending_users.discard(user)
