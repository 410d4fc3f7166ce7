"""The background thread of a worker, whatever its face."""

import logging
import os
import threading
from abc import ABC, abstractmethod
from typing import ClassVar

from botify.event_log.writer import EventLog
from botify.observability.health import WorkerReport, excess_fallback
from botify.observability.metrics import Metrics

_POLL_INTERVAL = 1.0
"""Seconds between two rounds while all is well."""
_POLL_INTERVAL_DOWN = 0.1
"""Seconds between two rounds while a store is unavailable."""

_log = logging.getLogger("botify.worker_monitor")


class MonitorThread(ABC):
    """Has a round about once a second, and an immediate one when `wake` is set."""

    store_name: ClassVar[str] = "Redis"
    """What the fallback answers without, in words."""

    def __init__(
        self, log: EventLog, metrics: Metrics, wake: threading.Event, max_fallback_share: float
    ) -> None:
        """`max_fallback_share`: the part of the answers, of a treatment or of all, that may come
        from the fallback before this is reported."""
        self._log = log
        self._metrics = metrics
        self._wake = wake
        self._max_fallback_share = max_fallback_share
        self._logged_excess = False
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="worker-monitor", daemon=True)

    def start(self) -> None:
        """One round here, so that the first request finds everything ready; then in the thread."""
        self._round()
        self._thread.start()

    def stop(self) -> None:
        """End the thread and close the log."""
        self._stopped = True
        self._wake.set()
        self._thread.join()
        self._log.close()

    @abstractmethod
    def report(self) -> WorkerReport:
        """The state as of the last round; no call to a store."""

    @abstractmethod
    def _is_up(self) -> bool:
        """Whether requests use all stores."""

    @abstractmethod
    def _round(self) -> None:
        """Check the stores, refresh what is served; ends with `_publish`."""

    def _publish(self) -> None:
        """Write what waits for the log, and tell metrics and health of this worker's state."""
        self._log.tick()
        self._metrics.publish(self.report())
        self._log_excess_fallback()

    def _run(self) -> None:
        while not self._stopped:
            if self._wake.wait(_POLL_INTERVAL if self._is_up() else _POLL_INTERVAL_DOWN):
                self._wake.clear()
            try:
                self._round()
            except Exception:  # whatever it is: requests are answered, and the next round comes
                _log.exception("a round of the worker monitor failed")

    def _log_excess_fallback(self) -> None:
        """Log once when the fallback answers too much, and once when that is over."""
        found = list(
            excess_fallback(
                self._metrics.own_fallback_shares(), self._max_fallback_share, self.store_name
            )
        )
        if bool(found) != self._logged_excess:
            self._logged_excess = bool(found)
            _log.warning(
                "worker %d: %s",
                os.getpid(),
                "; ".join(found)
                or "the fallback's share of the answers is within the limit again",
            )
