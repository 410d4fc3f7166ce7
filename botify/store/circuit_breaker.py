"""Whether Redis can be asked, as one worker knows it."""

import logging
import threading
import time
from collections.abc import Callable

_FEWEST, _MOST = 2, 64
"""Good looks at Redis in a row before it is used again; upkeep looks ten times a second.

Two, so that workers that find it a tenth of a second apart have all told it what happened
meanwhile before any of them asks it.
"""
_SETTLED = 60.0
"""Seconds of use after which a loss has nothing to do with the one before."""

_log = logging.getLogger("botify.store.circuit_breaker")


class Link:
    """Up until Redis is lost; then down, so that no request waits for a Redis that is away,
    until the worker's upkeep has found it well several times in a row.

    The more often in succession it is lost, the longer it must have been well: twice as many
    looks each time, up to some seconds.
    """

    def __init__(self, patience: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        """Up. `patience`: seconds that requests wait for Redis. `clock` gives seconds."""
        self.up = True
        self.reason = ""
        """Why it is down; empty while it is up."""
        self.answered_at = float("-inf")
        """When a request was last answered by Redis, by the clock; set by the one that was."""
        self.changed = threading.Event()
        """Set when there is something to look at; whoever waits for that clears it."""
        self._recently = patience / 2
        self._clock = clock
        self._found_at = float("-inf")
        self._wanted = _FEWEST
        self._good = 0

    def lost(self, reason: str) -> None:
        """Redis failed, or is not well yet; `reason` in a few words."""
        self.reason = reason
        self._good = 0
        if self.up:
            self.up = False
            settled = self._clock() - self._found_at > _SETTLED
            self._wanted = _FEWEST if settled else min(2 * self._wanted, _MOST)
            self.changed.set()
            _log.warning("Redis cannot be used, answering from the fallback: %s", reason)

    def late(self, reason: str) -> None:
        """A request waited in vain.

        Where others were answered towards the end of its wait, Redis is there; it is looked at
        all the same.
        """
        if self._clock() - self.answered_at > self._recently:
            self.lost(reason)
        else:
            self.doubt()

    def doubt(self) -> None:
        """Have it looked at soon; it stays as it is until then."""
        self.changed.set()

    def found(self) -> None:
        """Redis was looked at: it answers, and has all that is needed."""
        if not self.up:
            self._good += 1
            if self._good < self._wanted:
                return
            self._found_at = self._clock()
            _log.warning("Redis is back")
        self.reason = ""
        self.up = True
