"""Lists that take seconds to compute, kept in a file beside the world.

The file says what it was computed from; of anything else, or damaged, it counts as absent.
"""

import hashlib
import os
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

WORTH = 10**8
"""Inner products below which computing the lists is as quick as reading a file."""

Lists = NDArray[np.int64]


def kept(path: Path | None, of: tuple[NDArray[Any], ...], compute: Callable[[], Lists]) -> Lists:
    """What `compute` returns for the arrays `of`, from the file if that has it.

    None as the path: computed each time. Where nothing can be written, nothing is kept.
    """
    if path is None:
        return compute()
    key = _fingerprint(of)
    with (
        suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile),
        path.open("rb") as raw,  # numpy would leave a damaged file open
        np.load(raw, allow_pickle=False) as file,
    ):
        if str(file["of"]) == key:
            return np.asarray(file["lists"], dtype=np.int64)
    lists = compute()
    with suppress(OSError):
        _write(path, key, lists)
    return lists


def _fingerprint(arrays: tuple[NDArray[Any], ...]) -> str:
    found = hashlib.sha256()
    for array in arrays:
        found.update(f"{array.dtype.str} {array.shape};".encode())
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


def _write(path: Path, key: str, lists: Lists) -> None:
    """Whole or not at all: another process may read the file, or write it too."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, of=np.asarray(key), lists=lists.astype(np.int32))
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
