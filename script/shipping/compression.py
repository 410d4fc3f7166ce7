"""Compression of parts: none, gzip or zstd."""

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, Protocol

import zstandard

Compression = Literal["none", "gzip", "zstd"]
DAMAGE = zlib.error, zstandard.ZstdError
"""What `decoded` raises if the bytes do not match the suffix."""
SUFFIXES: dict[Compression, str] = {"none": "", "gzip": ".gz", "zstd": ".zst"}


def encoded(chunks: Iterable[bytes], compression: Compression) -> Iterator[bytes]:
    """The same bytes in one gzip member or zstd frame, or unchanged."""
    if compression == "gzip":
        # The fastest level takes half the time of the next one, for a tenth more bytes.
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
    """The decoded bytes of all members or frames; the suffix of `name` says how they were encoded.

    Raises one of DAMAGE if they are damaged and, with `is_whole`, if they end too early.
    Zeros behind the last member are ignored.
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
        raise zlib.error("the compressed data ends too early")
