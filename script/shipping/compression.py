"""How the bytes of a part are written: as they are, or compressed."""

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, Protocol

import zstandard

Compression = Literal["none", "gzip", "zstd"]
DAMAGE = zlib.error, zstandard.ZstdError
"""What `decoded` raises where bytes are not what the suffix says."""
SUFFIXES: dict[Compression, str] = {"none": "", "gzip": ".gz", "zstd": ".zst"}


def encoded(chunks: Iterable[bytes], compression: Compression) -> Iterator[bytes]:
    """The same bytes in one gzip member or zstd frame, or unchanged."""
    if compression == "gzip":
        # The fastest level: it halves the time of the next one up for a tenth more bytes.
        gzip = zlib.compressobj(1, wbits=31)
        yield from filter(None, (gzip.compress(chunk) for chunk in chunks))
        yield gzip.flush()
    elif compression == "zstd":
        zstd = zstandard.ZstdCompressor().compressobj()
        yield from filter(None, (zstd.compress(chunk) for chunk in chunks))
        yield zstd.flush()
    else:
        yield from chunks


def decoded(chunks: Iterable[bytes], name: str, is_whole: bool = False) -> Iterator[bytes]:
    """The bytes that were encoded as the suffix of `name` says, of all members or frames.

    Raises one of DAMAGE where they were not, and with `is_whole` also where they end too early.
    Zeros behind the last member are none.
    """
    if name.endswith(SUFFIXES["gzip"]):
        yield from _members(chunks, lambda: zlib.decompressobj(wbits=31), is_whole)
    elif name.endswith(SUFFIXES["zstd"]):
        zstd = zstandard.ZstdDecompressor()
        yield from _members(chunks, zstd.decompressobj, is_whole)
    else:
        yield from chunks


class _Decoder(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, /) -> bytes: ...


def _members(
    chunks: Iterable[bytes], start: Callable[[], _Decoder], is_whole: bool
) -> Iterator[bytes]:
    decoder: _Decoder | None = None
    for chunk in chunks:
        rest = chunk
        while rest := rest if decoder else rest.lstrip(b"\0"):
            decoder = decoder or start()
            yield decoder.decompress(rest)
            rest = b""
            if decoder.eof:
                rest, decoder = decoder.unused_data, None
    if is_whole and decoder is not None:
        raise zlib.error("it ends in the middle")
