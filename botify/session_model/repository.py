"""Files of models that are in service on this host, each in a copy that nobody writes to."""

import hashlib
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botify.errors import InputError
from botify.files.filestamp import Stamp, stamp_of
from botify.files.reading import check_kept

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Shelf:
    """A directory with a copy of each version in service, and a link to the newest of a name.

    Workers map the copies into memory, and share it. A file that is written to while it is mapped
    would change under them, or end the process that reads where it was cut; a copy is not.
    """

    def __init__(self, directory: Path) -> None:
        """The directory must be there, and be nobody else's."""
        self._directory = directory
        self._stamps: dict[str, Stamp | None] = {}

    def stamp(self, name: str) -> Stamp | None:
        """Of the file that this process put into service last."""
        return self._stamps.get(name)

    def path(self, name: str, version: str) -> Path:
        """Where a version is, or was."""
        return self._directory / f"{name}-{version}.safetensors"

    def version(self, name: str) -> str:
        """Of what is in service; empty where nothing is."""
        try:
            return os.readlink(self._directory / name)
        except OSError:
            return ""

    def put(self, name: str, file: Path, n_tracks: int, least: float = 0.0) -> str:
        """Check a copy of the file and put it into service; returns its version.

        Raises InputError where it is refused; what is in service then stays. `least`: the share
        of the users and tracks known to what is in service that the file must know as well.
        """
        # Here, as it needs numpy, which others do without.
        from botify.session_model.arrays import check_size
        from botify.session_model.tables import Tables

        before: Stamp | None = stamp_of(file)
        check_size(file)  # a file with no end would fill the disk
        copy = self._directory / f".{name}-{os.getpid()}"
        try:
            shutil.copyfile(file, copy)
            with copy.open("rb") as content:
                version = hashlib.file_digest(content, "sha256").hexdigest()[:12]
            old = self.version(name)
            try:
                tables = Tables.read(copy, n_tracks)
            except InputError as error:
                raise InputError(str(error).replace(str(copy), str(file))) from error
            if least and old not in ("", version):
                served = Tables.read(self.path(name, old), n_tracks)
                for what in ("users", "tracks"):
                    had, has = getattr(served, what), getattr(tables, what)
                    check_kept(file, what, len(had), _shared(had, has), least)
            if stamp_of(file) != before:
                raise InputError(f"{file}: changed while it was read; load it again")
            os.replace(copy, self.path(name, version))
            link = self._directory / f".{name}-link"
            link.unlink(missing_ok=True)
            link.symlink_to(version)
            os.replace(link, self._directory / name)
            self._stamps[name] = before
            if old not in ("", version):
                self.path(name, old).unlink(missing_ok=True)  # who maps it keeps it
            return version
        except OSError as error:
            raise InputError(
                f"{file}: cannot be copied to {self._directory} ({error.strerror or error})"
            ) from error
        finally:
            with suppress(OSError):
                copy.unlink(missing_ok=True)


def _shared(some: "NDArray[Any]", others: "NDArray[Any]") -> int:
    """How many of some sorted ids are among others."""
    places = others.searchsorted(some)
    inside = places < len(others)
    return int((others[places[inside]] == some[inside]).sum())
