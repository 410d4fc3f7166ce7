"""Sessions in Redis: one server-side script per request decides and remembers."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from botify.plan import Step

VERSIONS = "botify:lists"
"""Hash of list name -> version served; VERSIONS:name:version is the list itself."""

_TIMEOUT = 5.0


class StoreError(RuntimeError):
    """Redis cannot be reached, or refused a command."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What the store decided for one `next`."""

    session: str
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


@dataclass(frozen=True, slots=True)
class Farewell:
    """The end of a session."""

    session: str
    timestamp: int


def connect(url: str) -> "redis.Redis":
    """A client of the Redis at the URL (redis://, rediss://, unix://); connects on first use."""
    # One immediate retry: a pooled connection may have been closed since its last use.
    client: redis.Redis = redis.Redis.from_url(
        url,
        retry=Retry(NoBackoff(), 1),
        socket_timeout=_TIMEOUT,
        socket_connect_timeout=_TIMEOUT,
    )
    return client


def script(name: str) -> str:
    """Text of one of the package's Lua scripts."""
    return files("botify").joinpath(f"{name}.lua").read_text(encoding="utf-8")


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn any failure of Redis into a StoreError of one line."""
    try:
        yield
    except redis.RedisError as error:
        raise StoreError(f"Redis: {' '.join(str(error).split())}") from error


class Store:
    """The sessions of all users; holds no state of its own, so any worker serves any user."""

    def __init__(self, client: "redis.Redis", session_ttl: int, n_tracks: int) -> None:
        """`session_ttl` in seconds: how long a silent user is remembered."""
        self._next: Any = client.register_script(script("next"))
        self._last: Any = client.register_script(script("last"))
        self._session_ttl = session_ttl
        self._n_tracks = n_tracks

    def next(
        self,
        user: int,
        played: int,
        plan: Sequence[Step],
        random: tuple[float, float] | tuple[Literal["seed"], int],
    ) -> Offer:
        """Mark `played` seen, let the plan's first step that can answer, mark its track seen.

        The last step must be a `from_catalog`. `random` are two uniform draws from [0, 1), or
        "seed" and a seed for draws that depend on it, the user and the user's number of answers
        alone: the same requests then get the same answers. Raises StoreError.
        """
        digits = str(user)
        arguments: list[Any] = [digits, played, self._session_ttl, self._n_tracks, *random]
        for step in plan:
            arguments += step[1:]
        with store_errors():
            session, timestamp, number, track, rank, drawn_from, version = self._next(
                (*_session_keys(digits), VERSIONS), arguments
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

    def last(self, user: int) -> Farewell:
        """Forget the user's session. Raises StoreError."""
        digits = str(user)
        with store_errors():
            session, timestamp = self._last(_session_keys(digits), (digits, self._session_ttl))
        return Farewell(session=session.decode(), timestamp=timestamp)


def _session_keys(user: str) -> tuple[str, str]:
    return f"botify:seen:{user}", f"botify:session:{user}"
