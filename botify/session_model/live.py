"""A session model in a worker: the version in service, swapped while requests run."""

import logging
from typing import TYPE_CHECKING

from botify.catalog import Catalog
from botify.errors import InputError
from botify.files.reading import as_input_errors
from botify.session_model.repository import ModelRepository

if TYPE_CHECKING:
    from botify.session_model.scoring import SessionModel

_log = logging.getLogger("botify.session_model.live")


class LiveModel:
    """Follows the version that the repository has in service under a name."""

    def __init__(self, name: str, repository: ModelRepository, catalog: Catalog) -> None:
        """Loads it now; files in the repository were checked before."""
        self.name = name
        self.current: SessionModel | None = None
        """Each request reads this once."""
        self.written = 0.0
        """When the file of `current` was written, in seconds since 1970; 0 if there is none."""
        self._repository = repository
        self._catalog = catalog
        self.refusal = ""
        """Why the version in service could not be loaded; empty if it was."""
        self._refused = ""
        self.refresh()

    @property
    def version(self) -> str:
        """Version of `current`; empty if there is none."""
        return self.current.version if self.current else ""

    def refresh(self) -> None:
        """Load the version that the repository has in service, if it is another one."""
        version = self._repository.version(self.name)
        if version in ("", self.version):
            self.refusal = self._refused = ""
        if version in ("", self.version, self._refused):
            return
        # Here: only services with such a model need numpy.
        import numpy as np

        from botify.session_model.scoring import SessionModel
        from botify.session_model.tables import Tables

        path = self._repository.path(self.name, version)
        try:
            with as_input_errors(path):
                tables = Tables.read(path, len(self._catalog))
                artists = np.array(self._catalog.artist_numbers, dtype=np.int32)
                self.written = path.stat().st_mtime
                self.current = SessionModel(tables, artists, version)
            self.refusal = self._refused = ""
        except InputError as error:
            self._refused, self.refusal = version, str(error)
            _log.error("model %s: %s", self.name, error)
