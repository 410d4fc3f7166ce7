"""Decides by the results of requests when a service counts as gone."""

from time import monotonic

from sim.remote.service_options import ServiceOptions

# Failures in a row, per connection, after which the service counts as gone.
_MAX_FAILURES = 3


class FailureLimits:
    """Counts failures; `exceeded` says in one line why the service is gone, None while it is not.

    A service is gone when it refused every request for `retry_seconds`, or
    when three requests per connection failed in a row.
    """

    def __init__(self, service: ServiceOptions) -> None:
        self.exceeded: str | None = None
        self._service = service
        self._failures = 0
        self._answered_at = monotonic()

    def answered(self) -> None:
        """A request was answered, so that failures are counted anew."""
        self._failures, self._answered_at = 0, monotonic()

    def failed(self, what: str) -> None:
        """A request failed; `what` names the request and the fault."""
        self._failures += 1
        if self._failures >= _MAX_FAILURES * self._service.connections:
            self._exceed(f"{self._failures} requests in a row failed (the last: {what})")

    def refused(self, what: str, since: float) -> None:
        """A request was refused from `since` (monotonic seconds) until its retries ended."""
        if self._answered_at < since:
            self._exceed(f"nothing but refusals for {self._service.retry_seconds:g} s ({what})")

    def _exceed(self, why: str) -> None:
        if self.exceeded is None:
            self.exceeded = f"{self._service.url}: {why}: the service has gone away"
