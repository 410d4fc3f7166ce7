"""Files of models that are in service on this host, each in a copy that nobody writes to."""

import hashlib
import os
import shutil
from contextlib import suppress
from pathlib import Path

from botify.errors import InputError
from botify.list_loader import Stamp, stamp_of


class Shelf:
    """A directory with a copy of each version in service, and a link to the newest of a name.

    Workers map the copies into memory, and share it. A file that is written to while it is mapped
    would change under them, or end the process that reads where it was cut; a copy is not.
    """

    def __init__(self, directory: Path) -> None:
        """The directory must be there, and be nobody else's."""
        self._directory = directory

    def path(self, name: str, version: str) -> Path:
        """Where a version is, or was."""
        return self._directory / f"{name}-{version}.safetensors"

    def version(self, name: str) -> str:
        """Of what is in service; empty where nothing is."""
        try:
            return os.readlink(self._directory / name)
        except OSError:
            return ""

    def put(self, name: str, file: Path, n_tracks: int) -> str:
        """Check a copy of the file and put it into service; returns its version.

        Raises InputError where it is refused; what is in service then stays.
        """
        from botify.sessions.tables import Tables  # needs numpy, which others do without

        before: Stamp | None = stamp_of(file)
        copy = self._directory / f".{name}-{os.getpid()}"
        try:
            shutil.copyfile(file, copy)
            with copy.open("rb") as content:
                version = hashlib.file_digest(content, "sha256").hexdigest()[:12]
            try:
                Tables.read(copy, n_tracks)
            except InputError as error:
                raise InputError(str(error).replace(str(copy), str(file))) from error
            if stamp_of(file) != before:
                raise InputError(f"{file}: changed while it was read; load it again")
            os.replace(copy, self.path(name, version))
            link = self._directory / f".{name}-link"
            link.unlink(missing_ok=True)
            link.symlink_to(version)
            old = self.version(name)
            os.replace(link, self._directory / name)
            if old not in ("", version):
                self.path(name, old).unlink(missing_ok=True)  # who maps it keeps it
            return version
        except OSError as error:
            raise InputError(f"{file}: cannot be read ({error.strerror})") from error
        finally:
            with suppress(OSError):
                copy.unlink(missing_ok=True)
