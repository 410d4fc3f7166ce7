"""The lines of a file, the last one first."""

from collections.abc import Iterator
from pathlib import Path

_BLOCK = 2**20


def lines_backwards(path: Path, longest: int) -> Iterator[bytes]:
    """Lines without their ends; what follows the last newline, and is still being written, is left
    out. A line of more than `longest` bytes ends the reading. Raises OSError."""
    with path.open("rb") as file:
        at = file.seek(0, 2)
        rest, first = b"", True
        while at > 0 and len(rest) <= longest:
            size = min(_BLOCK, at)
            at -= size
            file.seek(at)
            rest = file.read(size) + rest
            head, *lines = rest.split(b"\n")
            if first and lines:
                lines.pop()
                first = False
            if not lines and first:
                continue
            yield from reversed(lines)
            rest = head
        if not first and len(rest) <= longest:
            yield rest
