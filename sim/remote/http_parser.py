"""Parses an HTTP/1 answer from the bytes received so far (RFC 9112)."""

from typing import NamedTuple

_MAX_BYTES = 2**20
_START = b"HTTP/1."


class NotHttpError(ValueError):
    """The bytes are no HTTP/1 answer, or its length makes no sense."""


class Reply(NamedTuple):
    """An answer; `headers` by lower-case name. `closing`: its connection will be closed."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes
    closing: bool


def parse(received: bytes, ended: bool) -> Reply | None:
    """The answer in `received`, or None if it is not complete yet.

    `ended`: the other side will send no more. Only the framing is read:
    Content-Length, chunks, or the end of the connection. Raises NotHttpError.
    """
    if len(received) > _MAX_BYTES:
        raise NotHttpError(f"the answer is longer than {_MAX_BYTES:,} bytes")
    if received[: len(_START)] != _START[: len(received)]:
        raise _not_http(received)
    head_end = received.find(b"\r\n\r\n")
    if head_end < 0:
        return None
    first, *lines = received[:head_end].split(b"\r\n")
    version, _, rest = first.partition(b" ")
    if not rest[:3].isdigit():
        raise _not_http(received)
    status = int(rest[:3])
    headers = {
        name.lower(): value.strip().lower()
        for name, _, value in (line.partition(b":") for line in lines)
    }
    default = b"close" if version == b"HTTP/1.0" else b"keep-alive"
    closing = headers.get(b"connection", default) != b"keep-alive"
    start = head_end + 4
    try:
        if status < 200 or status in (204, 304):
            body, end = b"", start
        elif b"transfer-encoding" in headers:
            if (chunks := _chunks(received, start)) is None:
                return None
            body, end = chunks
        elif b"content-length" in headers:
            end = start + _size(headers[b"content-length"], 10)
            body = received[start:end]
        else:
            body, end, closing = received[start:], len(received), True
            if not ended:
                return None
    except ValueError as error:
        raise NotHttpError(f"the answer has no length that makes sense: {error}") from error
    if end > len(received):
        return None
    # Bytes beyond the answer belong to no request: use this connection no more.
    return Reply(status, headers, body, closing or end < len(received))


def _chunks(received: bytes, at: int) -> tuple[bytes, int] | None:
    """The chunked body that starts at `at` and where it ends; None while it is not complete."""
    body = b""
    while (line_end := received.find(b"\r\n", at)) >= 0:
        size = _size(received[at:line_end].partition(b";")[0], 16)
        at = line_end + 2
        if size:
            body += received[at : at + size]
            at += size + 2
            continue
        # The last chunk; trailers may follow, then an empty line.
        while (line_end := received.find(b"\r\n", at)) > at:
            at = line_end + 2
        return None if line_end < 0 else (body, at + 2)
    return None


def _size(digits: bytes, base: int) -> int:
    size = int(digits, base)
    if size < 0:
        raise ValueError(f"{size} bytes")
    return size


def _not_http(received: bytes) -> NotHttpError:
    return NotHttpError(f"the answer starts with {received[:80]!r}, which is not HTTP/1")
