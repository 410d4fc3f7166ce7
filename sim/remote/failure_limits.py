"""Whether the service is still there, judged by what its requests came to."""

from time import monotonic

from sim.remote.service import ServiceOptions

# So many failures in a row, for each connection, and the service counts as gone.
_FAILURES = 3


class Health:
    """`gone` says why, in one line, once the service does not answer any more; None till then.

    It is gone when it did nothing but refuse for `retry_seconds`, or failed
    three times per connection in a row.
    """

    def __init__(self, service: ServiceOptions) -> None:
        self.gone: str | None = None
        self._service = service
        self._failures = 0
        self._answered_at = monotonic()

    def answered(self) -> None:
        self._failures, self._answered_at = 0, monotonic()

    def failed(self, what: str) -> None:
        """A request failed; `what` names it and says how."""
        self._failures += 1
        if self._failures >= _FAILURES * self._service.connections:
            self._lost(f"{self._failures} requests in a row failed (the last: {what})")

    def refused(self, what: str, since: float) -> None:
        """A request was refused from `since` (monotonic seconds) until its time was up."""
        if self._answered_at < since:
            self._lost(f"nothing but refusals for {self._service.retry_seconds:g} s ({what})")

    def _lost(self, why: str) -> None:
        if self.gone is None:
            self.gone = f"{self._service.url}: {why}: the service has gone away"
