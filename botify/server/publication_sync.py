"""Keeps a service of the ratings face up to date; its workers follow their publications."""

from collections.abc import Callable, Sequence

from botify.event_log.publications import Publications
from botify.observability.health import WorkerReport
from botify.server.config_sync import ConfigSync
from botify.server.sync_thread import SyncThread


class PublicationSync(SyncThread):
    """The config, and the record of what was put into service."""

    work = "following the config and publications"

    def __init__(
        self,
        config: ConfigSync,
        publications: Publications,
        reports: Callable[[], Sequence[WorkerReport]],
    ) -> None:
        """`reports()`: the latest one of each worker."""
        super().__init__()
        self._config = config
        self._publications = publications
        self._reports = reports

    def _round(self) -> None:
        self._config.round()
        in_service = [report.models for report in self._reports()]
        for name in dict.fromkeys(name for models in in_service for name in models):
            versions = {models.get(name, "") for models in in_service}
            if len(versions) == 1 and "" not in versions:  # else they are about to switch
                self._publications.observe(name, versions.pop())
