"""Digests of bytes on their way, and the checksum that HDFS keeps of them.

HDFS has no checksum of a file's bytes, but of the CRC-32Cs that it stores with every 512 of them:
MD5 over the MD5s of each block's CRCs (org.apache.hadoop.fs.MD5MD5CRC32FileChecksum). Computed
here as the bytes leave, it proves what arrived without reading any of it back.
"""

import hashlib
import re
import struct
from collections.abc import Iterable

import google_crc32c

_BYTES_PER_CRC = 512
_BLOCK = struct.Struct(f"{_BYTES_PER_CRC}s")
_ALGORITHM = re.compile(r"MD5-of-(\d+)MD5-of-(\d+)(CRC32C?)")


class Digest:
    """Counts bytes, and computes the CRC-32C of every 512 of them."""

    def __init__(self, chunks: Iterable[bytes] = ()) -> None:
        self.size = 0
        self._crcs = bytearray()
        self._rest = b""
        for chunk in chunks:
            self.add(chunk)

    def add(self, chunk: bytes) -> None:
        self.size += len(chunk)
        data = self._rest + chunk if self._rest else chunk
        whole = len(data) - len(data) % _BYTES_PER_CRC
        self._crcs += _crcs(data, whole)
        self._rest = data[whole:]

    @property
    def checksum(self) -> str:
        """The checksum that HDFS would give if all were in one block, in hex."""
        return self._of_blocks(0)

    def hdfs_checksum(self, algorithm: str) -> str | None:
        """The MD5 that HDFS gives for these bytes, in hex; None for an algorithm of another kind.

        `algorithm` is from its answer, such as `MD5-of-262144MD5-of-512CRC32C`, with the number
        of CRCs in a block (0: there is one block).
        """
        match = _ALGORITHM.fullmatch(algorithm)
        if match is None:
            return None
        per_block, bytes_per_crc, kind = int(match[1]), int(match[2]), match[3]
        if bytes_per_crc != _BYTES_PER_CRC or kind != "CRC32C":
            return None
        return self._of_blocks(per_block)

    def _of_blocks(self, per_block: int) -> str:
        crcs = bytes(self._crcs) + _crcs(self._rest, len(self._rest))
        step = 4 * per_block or max(len(crcs), 1)
        blocks = (crcs[start : start + step] for start in range(0, len(crcs), step))
        digests = b"".join(hashlib.md5(block).digest() for block in blocks)
        # HDFS hashes the whole buffer that these are in: 32 bytes, doubled when it is full.
        capacity = 32
        while capacity < len(digests):
            capacity *= 2
        return hashlib.md5(digests.ljust(capacity, b"\0")).hexdigest()


def _crcs(data: bytes, end: int) -> bytes:
    """The CRC-32C of every 512 of the first `end` bytes, and of the remainder."""
    value = google_crc32c.value
    whole = end - end % _BYTES_PER_CRC
    # 1.5 times as fast as slicing in a loop.
    found = [value(block) for (block,) in _BLOCK.iter_unpack(memoryview(data)[:whole])]
    if whole < end:
        found.append(value(data[whole:end]))
    return struct.pack(f">{len(found)}I", *found)
