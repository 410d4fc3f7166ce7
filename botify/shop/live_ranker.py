"""A ranker in a worker: the version in service, swapped while requests run."""

import logging
from collections.abc import Sequence
from pathlib import Path

from botify.errors import InputError
from botify.files.reading import as_input_errors
from botify.session_model.repository import FileRepository
from botify.shop.ranker import Ranker

_log = logging.getLogger("botify.shop.live_ranker")


def put_ranker(repository: FileRepository, name: str, file: Path, sources: Sequence[str]) -> str:
    """Check a copy of the file and put it into service; returns its version.

    `sources`: the names of those that the service has. Raises InputError if it is refused; the
    version in service then stays.
    """

    def check(copy: Path, old: Path | None) -> None:
        Ranker.read(copy, sources, shown_as=file)

    return repository.put_checked(name, file, check)


class LiveRanker:
    """Follows the version that the repository has in service under a name."""

    def __init__(self, name: str, repository: FileRepository, sources: Sequence[str]) -> None:
        """Loads it now; files in the repository were checked before."""
        self.name = name
        self.current: Ranker | None = None
        """Each request reads this once."""
        self.version = ""
        """Of `current`; empty if there is none."""
        self.refusal = ""
        """Why the version in service could not be loaded; empty if it was."""
        self._repository = repository
        self._sources = tuple(sources)
        self._refused = ""
        self.refresh()

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
                self.current = Ranker.read(path, self._sources)
            self.version = version
            self.refusal = self._refused = ""
        except InputError as error:
            self._refused, self.refusal = version, str(error)
            _log.error("ranker %s: %s", self.name, error)
