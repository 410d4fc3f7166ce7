"""The model files in service on this host, as copies that do not change."""

import hashlib
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botify.errors import InputError
from botify.files.filestamp import Stamp, stamp_of
from botify.files.reading import check_kept

if TYPE_CHECKING:
    from numpy.typing import NDArray


Check = Callable[[Path, Path | None], None]
"""Raises InputError for a copy that must not be served; the other file is the one in service, if
it is another version."""


class FileRepository:
    """A directory with a copy of each version in service, and a link to the newest of each name.

    Workers map the copies into memory, and so share it. The original may be written to: mapped,
    it would change during a request, or end the process (SIGBUS) if it was truncated.
    """

    def __init__(self, directory: Path) -> None:
        """The directory must exist, and belong to this service alone."""
        self._directory = directory
        self._stamps: dict[str, Stamp | None] = {}

    def stamp(self, name: str) -> Stamp | None:
        """Of the file that this process put into service last."""
        return self._stamps.get(name)

    def path(self, name: str, version: str) -> Path:
        """Where the copy of a version is, or was."""
        return self._directory / f"{name}-{version}.safetensors"

    def version(self, name: str) -> str:
        """The version in service; empty if there is none."""
        try:
            return os.readlink(self._directory / name)
        except OSError:
            return ""

    def put_checked(self, name: str, file: Path, check: Check) -> str:
        """Put a copy of the file into service if `check` does not refuse it; returns its version.

        Raises InputError if it is refused; the version in service then stays.
        """
        # Here: only services with such a file need numpy.
        from botify.session_model.mapped_arrays import check_size

        before: Stamp | None = stamp_of(file)
        check_size(file)  # an endless file would fill the disk
        copy = self._directory / f".{name}-{os.getpid()}"
        try:
            shutil.copyfile(file, copy)
            with copy.open("rb") as content:
                version = hashlib.file_digest(content, "sha256").hexdigest()[:12]
            old = self.version(name)
            check(copy, self.path(name, old) if old not in ("", version) else None)
            if stamp_of(file) != before:
                raise InputError(f"{file}: changed while it was read; load it again")
            os.replace(copy, self.path(name, version))
            link = self._directory / f".{name}-link"
            link.unlink(missing_ok=True)
            link.symlink_to(version)
            os.replace(link, self._directory / name)
            self._stamps[name] = before
            if old not in ("", version):
                self.path(name, old).unlink(missing_ok=True)  # processes that map it keep it
            return version
        except OSError as error:
            raise InputError(
                f"{file}: cannot be copied to {self._directory} ({error.strerror or error})"
            ) from error
        finally:
            with suppress(OSError):
                copy.unlink(missing_ok=True)


class ModelRepository(FileRepository):
    """Of session models."""

    def put(self, name: str, file: Path, n_tracks: int, min_kept: float = 0.0) -> str:
        """Check a copy of the file and put it into service; returns its version.

        Raises InputError if it is refused; the version in service then stays. `min_kept`: the
        share of the users and tracks of the version in service that the file must have as well.
        """
        from botify.session_model.tables import Tables

        def check(copy: Path, old: Path | None) -> None:
            tables = Tables.read(copy, n_tracks, shown_as=file)
            if min_kept and old is not None:
                served = Tables.read(old, n_tracks)
                for what in ("users", "tracks"):
                    had, has = getattr(served, what), getattr(tables, what)
                    check_kept(file, what, len(had), _count_common(had, has), min_kept)

        return self.put_checked(name, file, check)


def _count_common(some: "NDArray[Any]", others: "NDArray[Any]") -> int:
    """How many of some sorted ids are in other sorted ids."""
    places = others.searchsorted(some)
    inside = places < len(others)
    return int((others[places[inside]] == some[inside]).sum())
