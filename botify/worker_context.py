"""What the requests of a worker and its monitor share."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from botify.event_log.writer import EventLog
from botify.observability.metrics import Metrics
from botify.observability.recommender_failures import RecommenderFailures
from botify.store.circuit_breaker import CircuitBreaker

if TYPE_CHECKING:
    import redis


class Store(Protocol):
    """What requests read from Redis."""

    def probe(self) -> None:
        """Check that requests can be answered. Raises StoreError."""


_Store = TypeVar("_Store", bound=Store, covariant=True)
_StoreIn = TypeVar("_StoreIn", bound=Store, contravariant=True)


class PopularFallback(Protocol[_StoreIn]):
    """What answers without Redis."""

    popular: bytes
    """What is popular, packed as in Redis."""

    def flush(self, store: _StoreIn) -> None:
        """Write what Redis has to know of what was answered without it. Raises StoreError."""


_Fallback = TypeVar("_Fallback", covariant=True)


@dataclass(frozen=True, slots=True)
class WorkerContext(Generic[_Store, _Fallback]):
    """The parts of one worker that exist once in it; made in the worker, after the fork."""

    client: "redis.Redis"
    store: _Store
    """Over `client`."""
    breaker: CircuitBreaker
    """Whether requests may use `store`."""
    fallback: _Fallback
    """Answers while they may not."""
    log: EventLog
    metrics: Metrics
    failures: RecommenderFailures
