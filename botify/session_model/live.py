"""A session model in a worker: the version in service, swapped while requests run."""

from pathlib import Path
from typing import TYPE_CHECKING

from botify.catalog import Catalog
from botify.session_model.live_file import LiveFile
from botify.session_model.repository import FileRepository

if TYPE_CHECKING:
    from botify.session_model.scoring import SessionModel


class LiveModel(LiveFile["SessionModel"]):
    """A session model of this catalog."""

    what = "model"

    def __init__(self, name: str, repository: FileRepository, catalog: Catalog) -> None:
        """As for LiveFile."""
        self._catalog = catalog
        super().__init__(name, repository)

    def _read(self, path: Path, version: str) -> "SessionModel":
        # Here: only services with such a model need numpy.
        import numpy as np

        from botify.session_model.scoring import SessionModel
        from botify.session_model.tables import Tables

        tables = Tables.read(path, len(self._catalog))
        artists = np.array(self._catalog.artist_numbers, dtype=np.int32)
        return SessionModel(tables, artists, version)
