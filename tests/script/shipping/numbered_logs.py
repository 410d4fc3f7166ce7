"""Logs of numbered lines, shipped to a local directory, and what a reader finds there."""

import gzip
from collections.abc import Callable
from pathlib import Path

import zstandard

from script.shipping.ship import Shipment, Shipper
from script.shipping.sources.directory import find_logs
from script.shipping.targets.local import LocalTarget
from script.shipping.transfer import Options

AT_ONCE = Options(threads=1, retry_seconds=0)


def ship(source: Path, target: LocalTarget, options: Options = AT_ONCE) -> Shipment:
    return Shipper(target, options).ship(find_logs(source))


def replace(source: Path, target: LocalTarget) -> Shipment:
    return Shipper(target, AT_ONCE).replace(find_logs(source))


def numbered(*numbers: int) -> bytes:
    return b"".join(b'{"user": %d}\n' % number for number in numbers)


def parts(directory: Path) -> list[bytes]:
    """What a reader finds, decoded, from the oldest on."""
    found = sorted(directory.glob("data.json*"), key=lambda path: path.stat().st_mtime_ns)
    # A frame that was streamed does not say its size, so `decompress` alone would refuse it.
    decoders: dict[str, Callable[[bytes], bytes]] = {
        ".gz": gzip.decompress,
        ".zst": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
    }
    return [decoders.get(path.suffix, bytes)(path.read_bytes()) for path in found]


def lines(directory: Path) -> list[bytes]:
    return sorted(b"".join(parts(directory)).splitlines(keepends=True))


def local_lines(source: Path) -> list[bytes]:
    content = b"".join(path.read_bytes() for path in source.glob("data.json*"))
    return sorted(content.splitlines(keepends=True))
