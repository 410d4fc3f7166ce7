"""Recommenders whose own code failed: logged, counted, and remembered for `/health`."""

import logging
from collections.abc import Mapping
from time import monotonic

from botify.observability.fallback_shares import WINDOW_SECONDS
from botify.observability.metrics import Metrics

_LOG_INTERVAL = 60.0
"""Seconds between two lines about one recommender."""

_log = logging.getLogger("botify.recommenders")


class RecommenderFailures:
    """Of one worker."""

    def __init__(self, metrics: Metrics) -> None:
        """`metrics` count them."""
        self._metrics = metrics
        self._latest: dict[str, tuple[float, str]] = {}
        self._logged_at: dict[str, float] = {}

    def note(self, name: str, error: BaseException) -> None:
        """The recommender of this name raised the error in a request."""
        now = monotonic()
        self._metrics.count_recommender_failure(name)
        self._latest[name] = now, f"{type(error).__name__}: {' '.join(str(error).split())}"
        if now - self._logged_at.get(name, float("-inf")) > _LOG_INTERVAL:
            self._logged_at[name] = now
            _log.error("recommender %s failed; another one answers", name, exc_info=error)

    def recent(self) -> Mapping[str, str]:
        """The latest error of each recommender that failed in the last five minutes."""
        since = monotonic() - WINDOW_SECONDS
        return {name: error for name, (at, error) in list(self._latest.items()) if at > since}
