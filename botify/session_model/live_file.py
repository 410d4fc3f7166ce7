"""What a file in service holds, in a worker: swapped for another version while requests run."""

import logging
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, Generic, Protocol, TypeVar

from botify.errors import InputError
from botify.files.reading import as_input_errors
from botify.session_model.repository import FileRepository


class Versioned(Protocol):
    """What was read from a file."""

    @property
    def version(self) -> str:
        """Of the file."""


_Content = TypeVar("_Content", bound=Versioned)


class LiveFile(ABC, Generic[_Content]):
    """Follows the version that the repository has in service under a name."""

    what: ClassVar[str]
    """In words, for messages."""

    def __init__(self, name: str, repository: FileRepository) -> None:
        """Loads it now; files in the repository were checked before."""
        self.name = name
        self.current: _Content | None = None
        """Each request reads this once."""
        self.written = 0.0
        """When the file of `current` was written, in seconds since 1970; 0 if there is none."""
        self.refusal = ""
        """Why the version in service could not be loaded; empty if it was."""
        self._repository = repository
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
        path = self._repository.path(self.name, version)
        try:
            with as_input_errors(path):
                current, written = self._read(path, version), path.stat().st_mtime
            self.current, self.written = current, written
            self.refusal = self._refused = ""
        except InputError as error:
            self._refused, self.refusal = version, str(error)
            logging.getLogger(type(self).__module__).error(
                "%s %s: %s", self.what, self.name, error
            )

    @abstractmethod
    def _read(self, path: Path, version: str) -> _Content:
        """The content of a version. Raises InputError."""
