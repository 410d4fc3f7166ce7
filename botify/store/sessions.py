"""Sessions in Redis: one server-side script per request decides and remembers."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from botify.store.candidates import CandidateStep, from_catalog
from botify.store.client import Connections, Script, script_text
from botify.store.keys import LIST_VERSIONS, session_key

if TYPE_CHECKING:
    import redis

_PROBE_USER = -1
"""The user of probes; users of requests are not negative."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to one `next`."""

    session: str | None
    """None where nothing is known of sessions."""
    timestamp: int
    """Milliseconds since the epoch, strictly increasing per user."""
    track: int
    recommender: str
    """Name of the recommender that answered."""
    rank: int | None
    """Place in its list, from 0."""
    propensity: float | None
    """Probability of this track, given that recommender and what was seen; None if unknown."""
    model_version: str | None
    """Version of the list that the first candidate step reads."""


class SessionSnapshot(NamedTuple):
    """A session at the moment it asks for its next track."""

    session: str
    timestamp: int
    """As in a Decision."""
    seen: bytes
    """Packed tracks that it played or was offered."""
    plays: bytes
    """Its plays in order: track (uint32) and time (float32), little-endian."""
    ahead: int
    """Requests of it that are being answered at the same time and came before."""
    random: tuple[float, float]
    """Two uniform draws from [0, 1)."""


Randomness = tuple[float, float] | tuple[Literal["seed"], int]
"""Two uniform draws from [0, 1), or "seed" and a seed for draws that depend only on it, the user
and the user's number of answers: the same requests then get the same answers."""


@dataclass(frozen=True, slots=True)
class SessionEnd:
    """The end of a session."""

    session: str | None
    timestamp: int


class SessionStore:
    """The sessions of all users; holds no state of its own, so any worker serves any user.

    Arguments go to the scripts by position: tests/botify/store/test_wire_format.py compares the
    order here with the one in lua/.
    """

    def __init__(self, client: "redis.Redis", session_ttl: int, n_tracks: int) -> None:
        """`session_ttl` in seconds: how long the session of a silent user is kept."""
        self._connections = connections = Connections(client)
        self._next = Script(connections, script_text("next"))
        self._last = Script(connections, script_text("last"))
        self._open_session = Script(connections, script_text("open_session"))
        self._mark_offered = Script(connections, script_text("mark_offered"))
        self._record_fallback = Script(connections, script_text("record_fallback"))
        self._session_ttl = session_ttl
        self._n_tracks = n_tracks

    def next(
        self,
        user: int,
        played: int,
        steps: Sequence[CandidateStep],
        random: Randomness,
        exclude: bytes = b"",
        time_played: float | None = None,
    ) -> Decision:
        """Mark `played` as seen, answer from the first step that has a track, mark that as seen.

        The last step must be a `from_catalog`. `exclude` are packed tracks that no step may
        offer, unless they are the whole catalog. The play is added to those of the session if
        `time_played` is given; steps that draw from plays need that. Raises StoreError.
        """
        digits = str(user)
        if not steps or steps[-1].source != "catalog":
            raise ValueError("the last candidate step must be from_catalog, which always answers")
        arguments: list[Any] = [digits, played, self._session_ttl, self._n_tracks, *random]
        arguments += exclude, time.time_ns() // 1_000_000
        arguments.append("" if time_played is None else time_played)
        for _, source, name, key, pick in steps:
            arguments += source, name, key, pick
        session, timestamp, number, track, rank, drawn_from, version = self._next(
            (session_key(digits), LIST_VERSIONS), arguments
        )
        return Decision(
            session=session.decode(),
            timestamp=timestamp,
            track=track,
            recommender=steps[number - 1].answers_as,
            rank=rank if rank >= 0 else None,
            propensity=float(drawn_from) if type(drawn_from) is bytes else 1 / drawn_from,
            model_version=version.decode() or None,
        )

    def open_session(
        self, user: int, played: int, time_played: float, random: Randomness
    ) -> SessionSnapshot:
        """Record a play and return the session, for a recommender that decides outside Redis.

        `mark_offered` must follow, with the track decided on. Raises StoreError.
        """
        digits = str(user)
        now = time.time_ns() // 1_000_000
        arguments = (digits, played, time_played, self._session_ttl, *random, now)
        session, timestamp, seen, plays, ahead, first, second = self._open_session(
            (session_key(digits),), arguments
        )
        draws = float(first), float(second)
        return SessionSnapshot(session.decode(), timestamp, seen, plays, ahead, draws)

    def mark_offered(self, user: int, session: str, track: int) -> None:
        """Mark a track as seen without waiting for the reply: no round trip.

        Redis runs it before this thread's next command, and before the user, who has no answer
        yet, can ask for another track. If it fails, the next request raises the error.
        """
        self._mark_offered.send((session_key(str(user)),), (session, track))

    def last(self, user: int, late: int | None = None) -> SessionEnd:
        """Forget the user's session. Raises StoreError.

        `late`: where this could not be sent in time, when it should have been, in ms since the
        epoch, by this host's clock. A session with a `next` after that time is a new session, and
        stays.
        """
        digits = str(user)
        now = time.time_ns() // 1_000_000 if late is None else late
        session, timestamp = self._last(
            (session_key(digits),),
            (digits, self._session_ttl, now, "" if late is None else "late"),
        )
        return SessionEnd(session=session.decode(), timestamp=timestamp)

    def record_fallback(self, user: int, answers: bytes) -> None:
        """Add to the user's session what the fallback answered. Raises StoreError.

        `answers` as Outbox packs them. Answers from before the latest `last` that Redis has are
        skipped.
        """
        self._record_fallback(*self._fallback_call(user, answers))

    def queue_fallback(self, user: int, answers: bytes) -> None:
        """The same behind a request of this thread that timed out: no round trip.

        Redis runs it right after that request, and so before the user's next one. Does nothing
        if the request was never sent; if this fails, `record_fallback` has to follow.
        """
        if self._connections.of_thread().timed_out:
            self._record_fallback.send(*self._fallback_call(user, answers))

    def _fallback_call(self, user: int, answers: bytes) -> tuple[Sequence[str], Sequence[Any]]:
        digits = str(user)
        return (session_key(digits),), (digits, self._session_ttl, answers)

    def probe(self) -> None:
        """Check that sessions can be written, by the scripts of requests. Raises StoreError."""
        self.next(_PROBE_USER, 0, (from_catalog(""),), (0.0, 0.0))
        self.last(_PROBE_USER)
