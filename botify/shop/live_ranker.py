"""Rankers: checked and put into service by the parent, followed by the workers."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from botify.session_model.live_file import LiveFile
from botify.session_model.repository import FileRepository

if TYPE_CHECKING:
    from botify.shop.ranker import Ranker


def put_ranker(repository: FileRepository, name: str, file: Path, sources: Sequence[str]) -> str:
    """Check a copy of the file and put it into service; returns its version.

    `sources`: the names of those that the service has. Raises InputError if it is refused; the
    version in service then stays.
    """
    # Here and below: only services with a ranker need numpy.
    from botify.shop.ranker import Ranker

    def check(copy: Path, old: Path | None) -> None:
        Ranker.read(copy, sources, shown_as=file)

    return repository.put_checked(name, file, check)


class LiveRanker(LiveFile["Ranker"]):
    """A ranker of candidates of these sources."""

    what = "ranker"

    def __init__(self, name: str, repository: FileRepository, sources: Sequence[str]) -> None:
        """`sources`: the names of those that the service has."""
        self._sources = tuple(sources)
        super().__init__(name, repository)

    def _read(self, path: Path, version: str) -> "Ranker":
        from botify.shop.ranker import Ranker

        return Ranker.read(path, self._sources, version=version)
