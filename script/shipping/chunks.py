"""Files in pieces: none is read whole, as a log may be larger than the memory."""

from collections.abc import Iterator
from pathlib import Path

CHUNK = 1 << 20


def chunks_of(path: Path) -> Iterator[bytes]:
    """The bytes of a file, in pieces of at most CHUNK. Raises OSError."""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
