"""What the requests of a worker and its monitor share."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botify.event_log.writer import EventLog
from botify.observability.metrics import Metrics
from botify.observability.recommender_failures import RecommenderFailures
from botify.store.circuit_breaker import CircuitBreaker
from botify.store.fallback import Fallback
from botify.store.sessions import SessionStore

if TYPE_CHECKING:
    import redis


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """The parts of one worker that exist once in it; made in the worker, after the fork."""

    client: "redis.Redis"
    store: SessionStore
    """Over `client`."""
    breaker: CircuitBreaker
    """Whether requests may use `store`."""
    fallback: Fallback
    """Answers while they may not."""
    log: EventLog
    metrics: Metrics
    failures: RecommenderFailures
