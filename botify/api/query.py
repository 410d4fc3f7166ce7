"""The query of a request, for the faces with owners' ids."""

from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from flask import request

from botify.errors import InputError


def query_lists() -> Mapping[str, list[str]]:
    """The parameters. Raises InputError for bytes that are not UTF-8, which would become text."""
    if b"%" in (raw := request.query_string):
        try:
            unquote_to_bytes(raw).decode()
        except UnicodeDecodeError:
            raise InputError("the query must be UTF-8") from None
    return dict(request.args.lists())
