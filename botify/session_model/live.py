"""A model of sessions as a worker has it: the one in service, exchanged while requests go on."""

import logging
from typing import TYPE_CHECKING

from botify.catalog import Catalog
from botify.errors import InputError
from botify.files.reading import refusing
from botify.session_model.repository import Shelf

if TYPE_CHECKING:
    from botify.session_model.scoring import SessionModel

_log = logging.getLogger("botify.session_model.live")


class Model:
    """Follows what the shelf has in service under a name."""

    def __init__(self, name: str, shelf: Shelf, catalog: Catalog) -> None:
        """Looks at once; what is on the shelf was checked before it was put there."""
        self.name = name
        self.current: SessionModel | None = None
        """Requests take it from here, once each."""
        self._shelf = shelf
        self._catalog = catalog
        self.refusal = ""
        """Why the version on the shelf is not taken up; empty where it is."""
        self._refused = ""
        self.look()

    @property
    def version(self) -> str:
        """Of the one in service; empty where there is none."""
        return self.current.version if self.current else ""

    def look(self) -> None:
        """Exchange the model where the shelf has another version; an old one stays otherwise."""
        version = self._shelf.version(self.name)
        if version in ("", self.version):
            self.refusal = self._refused = ""
        if version in ("", self.version, self._refused):
            return
        # Here, as numpy is only needed, and only there, where such a model is.
        import numpy as np

        from botify.session_model.scoring import SessionModel
        from botify.session_model.tables import Tables

        path = self._shelf.path(self.name, version)
        try:
            with refusing(path):
                tables = Tables.read(path, len(self._catalog))
                artists = np.array(self._catalog.artist_numbers, dtype=np.int32)
                self.current = SessionModel(tables, artists, version)
            self.refusal = self._refused = ""
        except InputError as error:
            self._refused, self.refusal = version, str(error)
            _log.error("model %s: %s", self.name, error)
