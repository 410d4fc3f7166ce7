"""What happened to sessions while Redis could not be asked, until Redis is told."""

import logging
import struct
from collections import OrderedDict
from threading import Lock
from typing import NamedTuple

from botify.store.sessions import Store

_MOST_USERS = 100_000
_MOST_ANSWERS = 500_000
"""Of all users together."""
_ANSWER = struct.Struct("<dIIf")
"""As record_fallback.lua reads it: ms, track played, track offered, share heard or `_KNOWN`."""
_KNOWN = -1.0

_log = logging.getLogger("botify.store.outbox")


class Note(NamedTuple):
    """What happened to a user's session."""

    ended: int | None = None
    """When the session ended of which Redis knows, ms since the epoch; None where it did not."""
    answers: bytes = b""
    """Those given since then without Redis, packed: what `Store.note` takes."""
    told: int = 0
    """How many bytes of them Redis knows."""

    @property
    def untold(self) -> bytes:
        """Answers that Redis does not know."""
        return self.answers[self.told :]


class Notes:
    """Of the users heard of last, in bounded memory; for any number of threads."""

    def __init__(self, most_users: int = _MOST_USERS, most_answers: int = _MOST_ANSWERS) -> None:
        """What is more than that is forgotten, the users silent for the longest first."""
        self._most_users = most_users
        self._most_answers = most_answers
        self._notes: OrderedDict[int, Note] = OrderedDict()
        self._n_answers = 0
        self._lock = Lock()
        self._told_of_loss = False
        self.owing: set[int] = set()
        """Users of whom Redis must be told something; changed by the methods here alone."""

    def answered(self, user: int, at: int, played: int, offered: int, share: float | None) -> None:
        """A track was offered without Redis, at `at` ms since the epoch, after one was played.

        `share` of it that was heard, for a session that needs its plays and where Redis does not
        have this one; else None.
        """
        answer = _ANSWER.pack(at, played, offered, _KNOWN if share is None else share)
        with self._lock:
            note = self._notes.get(user, Note())
            self._set(user, note._replace(answers=note.answers + answer))

    def ended(self, user: int, at: int) -> None:
        """The session is over, and Redis does not know."""
        with self._lock:
            self._set(user, Note(ended=at))

    def forget(self, user: int) -> None:
        """The session is over, and Redis knows."""
        with self._lock:
            self._drop(user)

    def heard(self, user: int) -> set[int]:
        """Tracks that this session played or was offered without Redis."""
        with self._lock:
            answers = self._notes.get(user, Note()).answers
        return {track for answer in _ANSWER.iter_unpack(answers) for track in answer[1:3]}

    def owed(self, user: int | None = None) -> list[tuple[int, Note]]:
        """Users of whom Redis must be told, with what; of all, or of this one."""
        with self._lock:
            users = list(self.owing) if user is None else self.owing & {user}
            return [(user, self._notes[user]) for user in users]

    def hand_over(self, store: Store, user: int | None = None) -> None:
        """Tell Redis what is owed of all users, or of this one. Raises StoreError."""
        for debtor, note in self.owed(user):
            if note.ended is not None:
                store.last(debtor, late=note.ended)
            if note.untold:
                store.note(debtor, note.untold)
            self.paid(debtor, note)

    def paid(self, user: int, note: Note) -> None:
        """Redis was told of a note that was `owed`."""
        with self._lock:
            now = self._notes.get(user)
            # It may have grown since, or be of another session.
            if (
                now is not None
                and now.ended == note.ended
                and now.answers.startswith(note.answers)
            ):
                self._set(user, Note(None, now.answers, len(note.answers)))

    def _set(self, user: int, note: Note) -> None:
        self._drop(user)
        if note == Note():
            return
        self._notes[user] = note
        self._n_answers += len(note.answers) // _ANSWER.size
        if note.ended is not None or note.untold:
            self.owing.add(user)
        while len(self._notes) > self._most_users or (
            self._n_answers > self._most_answers and len(self._notes) > 1
        ):
            oldest = next(iter(self._notes))
            if oldest in self.owing and not self._told_of_loss:
                self._told_of_loss = True
                _log.warning(
                    "Redis has been away for so long that memory is full: of the sessions silent "
                    "for the longest it will not learn what was played meanwhile"
                )
            self._drop(oldest)

    def _drop(self, user: int) -> None:
        note = self._notes.pop(user, None)
        if note is not None:
            self._n_answers -= len(note.answers) // _ANSWER.size
            self.owing.discard(user)
