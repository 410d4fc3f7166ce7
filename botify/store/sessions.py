"""Sessions in Redis: one server-side script per request decides and remembers."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from botify.store.candidates import Step, from_catalog
from botify.store.client import Connections, Script, script

if TYPE_CHECKING:
    import redis

VERSIONS = "botify:lists"
"""Hash of list name -> version served; VERSIONS:name:version is the list itself."""

_NOBODY = -1
"""The user of probes; those of requests are not negative."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What was decided for one `next`."""

    session: str | None
    """None where nothing is known of sessions."""
    timestamp: int
    """Milliseconds since the epoch, strictly increasing per user."""
    track: int
    recommender: str
    """Name of the recommender that really answered."""
    rank: int | None
    """Place in its list, from 0."""
    propensity: float
    """Probability of this track, given that recommender and what was seen."""
    model_version: str | None
    """Version of the list that the first step of the plan reads."""


class Opened(NamedTuple):
    """What is known of a session when it asks for its next track."""

    session: str
    timestamp: int
    """As of an Offer."""
    seen: bytes
    """Packed tracks that it played or was offered."""
    plays: bytes
    """Its plays in order: track (uint32) and share heard (float32), little-endian."""
    ahead: int
    """Requests of it that are being answered at the same time and came before."""
    random: tuple[float, float]
    """Two uniform draws from [0, 1)."""


Randomness = tuple[float, float] | tuple[Literal["seed"], int]
"""Two uniform draws from [0, 1), or "seed" and a seed for draws that depend on it, the user and
the user's number of answers alone: the same requests then get the same answers."""


@dataclass(frozen=True, slots=True)
class Farewell:
    """The end of a session."""

    session: str | None
    timestamp: int


class Store:
    """The sessions of all users; holds no state of its own, so any worker serves any user."""

    def __init__(self, client: "redis.Redis", session_ttl: int, n_tracks: int) -> None:
        """`session_ttl` in seconds: how long a silent user is remembered."""
        self._connections = connections = Connections(client)
        self._next = Script(connections, script("next"))
        self._last = Script(connections, script("last"))
        self._open = Script(connections, script("open_session"))
        self._offered = Script(connections, script("mark_offered"))
        self._note = Script(connections, script("record_fallback"))
        self._session_ttl = session_ttl
        self._n_tracks = n_tracks

    def next(
        self,
        user: int,
        played: int,
        plan: Sequence[Step],
        random: Randomness,
        exclude: bytes = b"",
    ) -> Offer:
        """Mark `played` seen, let the plan's first step that can answer, mark its track seen.

        The last step must be a `from_catalog`. `exclude` are packed tracks that no step may
        offer, unless they are the whole catalog. Raises StoreError.
        """
        digits = str(user)
        arguments: list[Any] = [digits, played, self._session_ttl, self._n_tracks, *random]
        arguments += exclude, time.time_ns() // 1_000_000
        for step in plan:
            arguments += step[1:]
        session, timestamp, number, track, rank, drawn_from, version = self._next(
            (_session_key(digits), VERSIONS), arguments
        )
        return Offer(
            session=session.decode(),
            timestamp=timestamp,
            track=track,
            recommender=plan[number - 1].answers_as,
            rank=rank if rank >= 0 else None,
            propensity=1 / drawn_from,
            model_version=version.decode() or None,
        )

    def open(self, user: int, played: int, time_heard: float, random: Randomness) -> Opened:
        """Note a play; what is known of its session, for who decides outside. Raises StoreError.

        `offered` must follow, with the track decided on.
        """
        digits = str(user)
        now = time.time_ns() // 1_000_000
        arguments = (digits, played, time_heard, self._session_ttl, *random, now)
        session, timestamp, seen, plays, ahead, first, second = self._open(
            (_session_key(digits),), arguments
        )
        draws = float(first), float(second)
        return Opened(session.decode(), timestamp, seen, plays, ahead, draws)

    def offered(self, user: int, session: str, track: int) -> None:
        """Mark a track seen without waiting for the answer: no round trip.

        Redis runs it before whatever this thread asks next, and before the user, who has no
        answer yet, can ask anything. Where that fails, the next request finds out.
        """
        self._offered.tell((_session_key(str(user)),), (session, track))

    def last(self, user: int, late: int | None = None) -> Farewell:
        """Forget the user's session. Raises StoreError.

        `late` is given where this could not be said in time: when it should have been, in ms
        since the epoch, by this host's clock. A session that was asked for a track after that is
        another one, and is left alone.
        """
        digits = str(user)
        now = time.time_ns() // 1_000_000 if late is None else late
        session, timestamp = self._last(
            (_session_key(digits),),
            (digits, self._session_ttl, now, "" if late is None else "late"),
        )
        return Farewell(session=session.decode(), timestamp=timestamp)

    def note(self, user: int, answers: bytes) -> None:
        """Have the user's session know what it was answered without Redis. Raises StoreError.

        `answers` as Fallback packs them. What was answered before the latest `last` that Redis
        knows of is left out.
        """
        self._note(*self._of_note(user, answers))

    def note_behind(self, user: int, answers: bytes) -> None:
        """The same after a request of this thread that timed out: no round trip.

        Redis runs it right after that request, when it comes to it, and so before the user's next
        one. Nothing where the request never left; where this fails, `note` has to follow.
        """
        if self._connections.mine().late:
            self._note.tell(*self._of_note(user, answers))

    def _of_note(self, user: int, answers: bytes) -> tuple[Sequence[str], Sequence[Any]]:
        digits = str(user)
        return (_session_key(digits),), (digits, self._session_ttl, answers)

    def probe(self) -> None:
        """See that sessions can be kept, by what requests do. Raises StoreError."""
        self.next(_NOBODY, 0, (from_catalog(""),), (0.0, 0.0))
        self.last(_NOBODY)


def _session_key(user: str) -> str:
    return f"botify:session:{user}"
