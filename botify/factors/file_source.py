"""Factors in a directory."""

import sqlite3
import threading
from pathlib import Path

from botify.factors.source import FactorSource, SourceError
from contract.factor_stores import ITEMS, MANIFEST, StoreUrl
from contract.factors import Manifest


class FileSource(FactorSource):
    """A file of users and a directory of items for each version."""

    failures = (OSError, sqlite3.Error)

    def __init__(self, url: StoreUrl, timeout: float) -> None:
        super().__init__(url, timeout)
        self._root = Path(url.url)
        self._open = threading.local()

    def active(self) -> bytes | None:
        """The file active.json."""
        with self.as_source_errors():
            try:
                return (self._root / "active.json").read_bytes()
            except FileNotFoundError:
                return None

    def holds(self, side: str, version: str) -> bool:
        """What is there is whole."""
        return self._path(side, version).exists()

    def blob(self, version: str, name: str) -> bytes:
        """A file of the version's directory."""
        name = f"{name}.json" if name == MANIFEST else name
        with self.as_source_errors():
            return (self._path(ITEMS, version) / name).read_bytes()

    def record(self, manifest: Manifest, user: str) -> bytes | None:
        """From the users' file, which a thread keeps open until it asks for another version."""
        with self.as_source_errors():
            row = (
                self._base(manifest.version)
                .execute("SELECT record FROM users WHERE user = ?", (user,))
                .fetchone()
            )
        return None if row is None else bytes(row[0])

    def close(self) -> None:
        """Close the file of this thread; those of others are closed with them."""
        self._close()

    def _base(self, version: str) -> sqlite3.Connection:
        if getattr(self._open, "version", None) != version:
            self._close()
            path = self._path("users", version)
            if not path.exists():
                raise SourceError(f"{self.where}: the users of version {version} are gone")
            # A file is never changed, so that nothing has to be locked.
            uri = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
            self._open.base = sqlite3.connect(uri, uri=True)
            self._open.version = version
        base: sqlite3.Connection = self._open.base
        return base

    def _close(self) -> None:
        if getattr(self._open, "version", None) is not None:
            self._open.base.close()
            self._open.version = None

    def _path(self, side: str, version: str) -> Path:
        return self._root / side / (version if side == ITEMS else f"{version}.sqlite")
