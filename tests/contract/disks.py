"""Small file systems in memory."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

Resize = Callable[[str], None]


@contextmanager
def small_disk(place: Path, size: str) -> Iterator[Resize]:
    """A disk of this size mounted at `place`, which is made; `resize(size)` changes the size.

    Skips the test where file systems cannot be mounted.
    """
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a file system")

    def resize(size: str) -> None:
        subprocess.run(["mount", "-o", f"remount,size={size}", str(place)], check=True)

    try:
        yield resize
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)
