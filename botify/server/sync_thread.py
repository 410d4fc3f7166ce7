"""The thread of the parent that keeps a running service up to date, whatever its face."""

import logging
import os
import threading
from abc import ABC, abstractmethod
from typing import ClassVar

from botify.errors import InputError
from botify.store.client import StoreError

_POLL_INTERVAL = 0.5
"""Seconds between two rounds."""

_log = logging.getLogger("botify.server.data_sync")


class StoppedError(Exception):
    """`stop` was called during a round."""


class SyncThread(ABC):
    """A control loop with two rounds a second. No error ends it: the next round tries again."""

    work: ClassVar[str]
    """What a round does, in words."""

    def __init__(self) -> None:
        self._logged_failure = ""
        self._stop = threading.Event()
        self._fork_lock = threading.RLock()
        self._thread = threading.Thread(target=self._run, name="data-sync", daemon=True)

    def start(self) -> None:
        """Start the thread; the first round comes at once.

        From now on this process forks only between two rounds. A fork has none of the threads but
        all of their locks: if it was made during an import in this thread, its first import of
        the same module would wait forever.
        """
        lock = self._fork_lock
        os.register_at_fork(
            before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release
        )
        self._thread.start()

    def stop(self) -> None:
        """End the thread, if need be during a round."""
        self._stop.set()
        self._thread.join()

    @abstractmethod
    def _round(self) -> None:
        """One round."""

    def _run(self) -> None:
        while True:
            try:
                with self._fork_lock:
                    self._round()
                self._log_failure("")
            except StoppedError:
                return
            except (StoreError, InputError) as error:
                self._log_failure(str(error))
            except Exception as error:
                # Whatever it is, the next round may succeed. It is logged once.
                if self._log_failure(repr(error)):
                    _log.exception("a round failed")
            if self._stop.wait(_POLL_INTERVAL):
                return

    def _log_failure(self, failure: str) -> bool:
        """Log why rounds fail whenever that changes. Returns whether it did."""
        if failure == self._logged_failure:
            return False
        if failure:
            _log.warning("%s failed: %s", self.work, failure)
        else:
            _log.warning("%s recovered", self.work)
        self._logged_failure = failure
        return True
