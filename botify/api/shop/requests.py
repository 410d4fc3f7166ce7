"""What the routes of the shop face share: refusals, and the query."""

import re
from collections.abc import Mapping

from flask import Response

from botify.api.json_response import json_response
from botify.api.query import query_lists
from botify.errors import InputError
from botify.observability.metrics import Metrics

MAX_BATCH_BYTES = 8 * 2**20
"""Of a request of many events or items; one of either takes about 200."""


_INTEGER = re.compile(r"0|-?[1-9][0-9]*")


def as_number(item: str) -> int | str:
    """An id as the other edition answers it: an integer where its text is that of one."""
    return int(item) if _INTEGER.fullmatch(item) else item


def refused(metrics: Metrics, route: str, message: str, status: int = 400) -> Response:
    """An error, which is counted."""
    metrics.count_error(route, status)
    return json_response({"message": message}, status)


def query_of(*names: str) -> dict[str, str]:
    """The parameters, each there once. Raises InputError for others than these."""
    found = query_lists()
    if unknown := set(found) - set(names):
        allowed = ", ".join(f"`{name}`" for name in names)
        has = f"the query has {allowed}" if names else "this route has none"
        raise InputError(f"unknown parameter {min(unknown)!r}: {has}")
    if twice := [name for name, values in found.items() if len(values) > 1]:
        raise InputError(f"`{twice[0]}` is there twice")
    return {name: values[0] for name, values in found.items()}


def needed(query: Mapping[str, str], name: str) -> str:
    """A parameter. Raises InputError where it is missing."""
    if name not in query:
        raise InputError(f"`{name}` is missing")
    return query[name]
