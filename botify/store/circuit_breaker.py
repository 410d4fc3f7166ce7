"""Stops requests to a Redis (or another store) that failed, until it is stable again."""

import logging
import threading
import time
from collections.abc import Callable

_MIN_PROBES, _MAX_PROBES = 2, 64
"""Successful probes in a row before Redis is used again; the monitor probes ten times a second.

At least two: workers may notice its return a tenth of a second apart, and each has to write its
outbox before any of them uses it.
"""
_STABLE_SECONDS = 60.0
"""Seconds of use after which a failure does not count as a repeated one."""

_log = logging.getLogger("botify.store.circuit_breaker")


class CircuitBreaker:
    """One worker's circuit breaker: `up` while Redis is used, down while requests do not try it.

    A failure trips it. It is up again after several successful probes in a row by the worker's
    monitor; each failure soon after the last one doubles their number, up to some seconds.
    See https://martinfowler.com/bliki/CircuitBreaker.html.
    """

    def __init__(
        self,
        timeout: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
        what: str = "Redis",
    ) -> None:
        """Up. `timeout`: seconds that requests wait for `what`. `clock` gives seconds."""
        self.up = True
        self.reason = ""
        """Why it is down; empty while it is up."""
        self.answered_at = float("-inf")
        """When Redis last answered a request, by `clock`; set by the request."""
        self.wake = threading.Event()
        """Set when Redis should be probed now; the monitor clears it."""
        self._what = what
        self._recently = timeout / 2
        self._clock = clock
        self._closed_at = float("-inf")
        self._required = _MIN_PROBES
        self._successes = 0

    def trip(self, reason: str) -> None:
        """Redis failed, or is not ready yet; `reason` in a few words."""
        self.reason = reason
        self._successes = 0
        if self.up:
            self.up = False
            settled = self._clock() - self._closed_at > _STABLE_SECONDS
            self._required = _MIN_PROBES if settled else min(2 * self._required, _MAX_PROBES)
            self.wake.set()
            _log.warning("%s is unavailable, serving from the fallback: %s", self._what, reason)

    def report_timeout(self, reason: str) -> None:
        """A request timed out. Trips, unless Redis answered other requests meanwhile.

        Then it stays up, and is probed.
        """
        if self._clock() - self.answered_at > self._recently:
            self.trip(reason)
        else:
            self.recheck()

    def recheck(self) -> None:
        """Have Redis probed soon; the state stays until then."""
        self.wake.set()

    def probe_succeeded(self) -> None:
        """A probe found that Redis answers and has all that is needed."""
        if not self.up:
            self._successes += 1
            if self._successes < self._required:
                return
            self._closed_at = self._clock()
            _log.warning("%s is available again", self._what)
        self.reason = ""
        self.up = True
