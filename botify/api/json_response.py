"""JSON responses."""

from flask import Response

from botify.files.jsonlines import encode


def json_response(value: object, status: int = 200) -> Response:
    """A JSON response."""
    return Response(encode(value), status, mimetype="application/json")
