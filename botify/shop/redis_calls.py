"""Whether Redis may be called, and what a call that failed leads to."""

from botify.observability.metrics import Metrics
from botify.store.circuit_breaker import CircuitBreaker
from botify.store.client import StoreError


class RedisCalls:
    """Reports how calls of Redis went, to the circuit breaker and the metrics."""

    def __init__(self, breaker: CircuitBreaker, metrics: Metrics) -> None:
        self._breaker = breaker
        self._metrics = metrics

    @property
    def up(self) -> bool:
        """Whether it may be called."""
        return self._breaker.up

    def check(self) -> None:
        """Raises StoreError if it may not be called."""
        if not self._breaker.up:
            raise StoreError(f"Redis is unavailable ({self._breaker.reason})", "connection")

    def answered(self, now: float) -> None:
        """A call was answered, at `now` of the monotonic clock."""
        self._breaker.answered_at = now

    def failed(self, error: StoreError) -> None:
        """A call failed."""
        self._metrics.count_redis_failure(error.kind)
        if error.kind == "timeout":
            self._breaker.report_timeout(str(error))
        elif error.kind == "connection":
            self._breaker.trip(str(error))
        else:
            self._breaker.recheck()
