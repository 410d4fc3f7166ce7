"""Every error is `{"message": …}`, and where fields of the body are wrong, `fields` names them."""

from typing import Any

from django.db import IntegrityError
from rest_framework import status
from rest_framework.exceptions import APIException, ErrorDetail, Throttled, ValidationError
from rest_framework.response import Response
from rest_framework.views import exception_handler


class Conflict(APIException):
    """What is there already, or no longer, stands against it."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"


class TooLarge(APIException):
    """A body, or a list in it, that is larger than what is taken."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"


def _first(detail: Any, place: str = "") -> str:
    if isinstance(detail, dict):
        key, value = next(iter(detail.items()))
        name = "" if key == "non_field_errors" else str(key)
        return _first(value, f"{place}.{name}".strip("."))
    if isinstance(detail, list):
        if detail and isinstance(detail[0], (dict, list)):
            at = next(n for n, part in enumerate(detail) if part)
            return _first(detail[at], f"{place}[{at}]")
        detail = detail[0] if detail else ""
    return f"{place}: {detail}" if place else str(detail)


def as_message(error: Exception, context: dict[str, Any]) -> Response | None:
    """The answer to an exception in a route; None leaves it to Django."""
    if isinstance(error, IntegrityError):
        error = Conflict("something was added or removed meanwhile; nothing was stored: try again")
    response = exception_handler(error, context)
    if response is None:
        return None
    detail = response.data
    if isinstance(error, Throttled):
        response.data = {"message": f"too many requests: wait {int(error.wait or 1)} s"}
    elif isinstance(error, ValidationError):
        response.data = {"message": _first(detail)}
        if isinstance(detail, dict):
            response.data["fields"] = detail
    else:
        text = detail.get("detail", "") if isinstance(detail, dict) else detail
        response.data = {"message": str(text) if isinstance(text, ErrorDetail) else text}
    return response
