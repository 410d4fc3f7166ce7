"""Whether Redis can be asked, as one worker knows it."""

import logging
import threading

_log = logging.getLogger("botify.link")


class Link:
    """Up until a request fails; then down, so that no request waits for a Redis that is away,
    until the worker's upkeep finds that it answers again."""

    def __init__(self) -> None:
        """Up."""
        self.up = True
        self.reason = ""
        """Why it is down; empty while it is up."""
        self.changed = threading.Event()
        """Set when there is something to look at; whoever waits for that clears it."""

    def lost(self, reason: str) -> None:
        """Redis failed; `reason` in a few words."""
        self.reason = reason
        if self.up:
            self.up = False
            self.changed.set()
            _log.warning("Redis cannot be used, answering from the fallback: %s", reason)

    def doubt(self) -> None:
        """Have it looked at soon; it stays as it is until then."""
        self.changed.set()

    def found(self) -> None:
        """Redis answers, and has all that is needed."""
        if not self.up:
            _log.warning("Redis is back")
        self.reason = ""
        self.up = True
