"""Files and directories that appear whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from offline.errors import InputError


def check_place(out: Path, marker: str) -> None:
    """Raises InputError where `new_directory` would: before work whose result is to go there."""
    if out.is_dir():
        if any(out.iterdir()) and not (out / marker).is_file():
            raise InputError(f"{out} holds other files: choose a new or empty directory")
    elif out.exists():
        raise InputError(f"{out} is a file: choose a directory")


@contextmanager
def new_directory(out: Path, marker: str) -> Iterator[Path]:
    """A directory to fill, which takes the place of `out` when the context ends without an error.

    An earlier result at `out`, known by its file `marker`, is replaced; an empty directory too.
    Raises InputError where `out` is anything else, before any work is done.
    """
    check_place(out, marker)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    except OSError as error:
        raise InputError(f"cannot write to {out.parent}: {error.strerror}") from error
    try:
        new, old = aside / "new", aside / "old"
        new.mkdir()
        yield new
        if out.exists():
            os.rename(out, old)
        os.rename(new, out)
    finally:
        if (aside / "old").exists() and not out.exists():
            os.rename(aside / "old", out)
        shutil.rmtree(aside)


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file, replacing one that is there, or leave that as it is and raise OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
