"""Ship logs to a target: upload hidden, read back and compare, then move into place."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from script.errors import InputError, ShipError
from script.sources import LogFile
from script.targets import Target, hidden


@dataclass(frozen=True)
class Shipment:
    """What one run did. `bytes` counts the shipped files only."""

    shipped: list[str]
    unchanged: list[str]
    bytes: int


def ship(
    logs: list[LogFile], target: Target, replace: bool, advance: Callable[[int], object]
) -> Shipment:
    """Bring the whole lines of `logs` to the target; files of other names there are left alone.

    Nothing becomes visible before every file is uploaded and has been read back with the same
    length and SHA-256. Files that the target has already are not sent again, and a file there
    that holds anything the log of its name does not begin with is never replaced, unless
    `replace`. `advance` is told the bytes as they are sent.

    Raises InputError where a file would have to be replaced, ShipError where the target fails or
    returns something else than what was sent.
    """
    new, unchanged = (logs, []) if replace else _compare(logs, target)
    for log in new:
        sent = _Digest()
        target.write(hidden(log.name), _watched(log.chunks(), sent, advance))
        stored = _Digest(target.read(hidden(log.name)))
        if stored != sent:
            raise ShipError(
                f"{log.path}: {target} holds something else than what was sent "
                f"({stored.size} bytes of {sent.size}, or other ones); nothing was replaced"
            )
    for log in new:
        target.publish(log.name)
    return Shipment([log.name for log in new], unchanged, sum(log.size for log in new))


def _compare(logs: list[LogFile], target: Target) -> tuple[list[LogFile], list[str]]:
    """The logs to send, and the names of those that the target has as they are."""
    there = target.sizes()
    new, unchanged = [], []
    for log in logs:
        size = there.get(log.name, 0)
        begins_alike = size <= log.size and (
            size == 0 or _Digest(target.read(log.name)) == _Digest(log.chunks(size))
        )
        if not begins_alike:
            raise InputError(
                f"{log.path}: {log.name} in {target} holds lines that this file does not begin "
                "with (a rotated log?), and replacing it would lose them; name another "
                "directory, or replace everything there with --cleanup (log2hdfs)"
            )
        if log.name in there and size == log.size:
            unchanged.append(log.name)
        else:
            new.append(log)
    return new, unchanged


class _Digest:
    """Length and SHA-256 of bytes that pass by."""

    def __init__(self, chunks: Iterable[bytes] = ()) -> None:
        self.size = 0
        self._sha256 = hashlib.sha256()
        for chunk in chunks:
            self.add(chunk)

    def add(self, chunk: bytes) -> None:
        self.size += len(chunk)
        self._sha256.update(chunk)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Digest):
            return NotImplemented
        return (self.size, self._sha256.digest()) == (other.size, other._sha256.digest())


def _watched(
    chunks: Iterable[bytes], digest: _Digest, advance: Callable[[int], object]
) -> Iterator[bytes]:
    for chunk in chunks:
        digest.add(chunk)
        advance(len(chunk))
        yield chunk
