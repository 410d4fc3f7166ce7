"""From a request to its records."""

from typing import Any, BinaryIO, cast

from rest_framework.exceptions import APIException, UnsupportedMediaType
from rest_framework.request import Request

from web.api.bulk.records import FORMS, Records, read
from web.api.rest.errors import TooLarge

MOST_BYTES = 512 * 1024 * 1024
MOST_ENTRIES = 10_000
"""Of a list that is answered with what was stored."""


class LengthRequired(APIException):
    """A body of unknown length, which this server does not pass on."""

    status_code = 411
    default_code = "length_required"


def _stream(request: Request) -> BinaryIO:
    meta = request.META
    if "chunked" in meta.get("HTTP_TRANSFER_ENCODING", "").lower():
        # Without a length Django sees an empty body; gunicorn says that it ends the stream itself.
        if not meta.get("wsgi.input_terminated"):
            raise LengthRequired("send Content-Length")
        return cast(BinaryIO, meta["wsgi.input"])
    if int(meta.get("CONTENT_LENGTH") or 0) > MOST_BYTES:
        raise TooLarge(f"at most {MOST_BYTES} bytes at once")
    return cast(BinaryIO, request._request)


def records(request: Request) -> tuple[Records, str]:
    """The records of the body, and the word for their numbers: line or entry."""
    form = (request.content_type or "").split(";")[0].strip().lower()
    if form not in FORMS:
        raise UnsupportedMediaType(form, f"send one of {', '.join(FORMS)}, not {form or 'none'}")
    coding = request.META.get("HTTP_CONTENT_ENCODING", "").strip().lower()
    if coding not in ("", "identity", "gzip"):
        raise UnsupportedMediaType(coding, f"Content-Encoding is gzip or absent, not {coding}")
    return read(_stream(request), form, coding == "gzip"), FORMS[form][0]


def entries(data: list[Any]) -> Records:
    """The records of a list that was parsed already."""
    if len(data) > MOST_ENTRIES:
        raise TooLarge(f"at most {MOST_ENTRIES} entries; the bulk routes take more")
    for number, entry in enumerate(data, 1):
        yield number, entry if isinstance(entry, dict) else {"an entry that is no object": entry}
