"""Files that hold the SHA-256 of all that is in them, so that a flipped bit is noticed."""

import hashlib
from pathlib import Path

KEY = "sha256"
"""Under which a file of JSON, or the metadata of a safetensors file, holds it."""

BLANK = "0" * 64
"""The placeholder while the sum is computed."""

_HEAD = 2**24


def sealed(content: bytes) -> bytes:
    """The content with its sum in the place of its first BLANK."""
    return content.replace(BLANK.encode(), hashlib.sha256(content).hexdigest().encode(), 1)


def seal(path: Path) -> None:
    """Do the same to a file, whose BLANK is in its first 16 MiB."""
    with path.open("r+b") as file:
        place = file.read(_HEAD).index(BLANK.encode())
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(place)
        file.write(digest.encode())


def check_seal(path: Path, digest: object) -> None:
    """Raises ValueError unless `digest`, which was found in the file, is its sum."""
    if not isinstance(digest, str) or len(digest) != len(BLANK):
        raise ValueError(f"{path.name} has no checksum: it is damaged, or of an earlier version")
    with path.open("rb") as file:
        start = file.read(_HEAD).replace(digest.encode(), BLANK.encode(), 1)
        found = hashlib.sha256(start)
        while block := file.read(2**20):
            found.update(block)
    if found.hexdigest() != digest:
        raise ValueError(f"{path.name} is damaged: its content does not match its checksum")


def sum_of(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_sum(path: Path, digest: object) -> None:
    """Raises ValueError unless the file is a regular one with this sum."""
    if not path.is_file():  # a pipe would be waited for
        raise ValueError(f"there is no file {path.name}")
    if sum_of(path) != digest:
        raise ValueError(f"{path.name} is damaged: its content does not match its checksum")
