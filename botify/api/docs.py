"""The routes of the documentation: the OpenAPI document, and a page for people."""

import base64
import hashlib
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any, ClassVar

from flask import Response
from flask_restful import Api, Resource

from botify.files.jsonlines import encode


def add_docs(api: Api, document: Callable[[], Mapping[str, Any]]) -> None:
    """Add the routes for the documentation: an OpenAPI document as of now, and its page."""
    page = files("botify.api").joinpath("docs.html").read_bytes()

    def described() -> bytes:
        return encode(document())

    api.add_resource(
        OpenApiResource, "/openapi.json", resource_class_kwargs={"described": described}
    )
    api.add_resource(DocsResource, "/docs", resource_class_kwargs={"page": page})


class OpenApiResource(Resource):  # type: ignore[misc]  # flask_restful has no types
    """`GET /openapi.json`."""

    init_every_request: ClassVar[bool] = False

    def __init__(self, described: Callable[[], bytes]) -> None:
        """`described()` is the document as JSON."""
        self._described = described

    def get(self) -> Response:
        """OpenAPI 3.1."""
        return Response(self._described(), mimetype="application/json")


class DocsResource(Resource):  # type: ignore[misc]  # flask_restful has no types
    """`GET /docs`: the documentation as a page."""

    init_every_request: ClassVar[bool] = False

    def __init__(self, page: bytes) -> None:
        """The page. Browsers run only its own script and style, and only send requests to us."""
        self._page = page
        self._headers = {
            "Content-Security-Policy": (
                f"default-src 'none'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
                f"frame-ancestors 'none'; script-src {_source_of(page, b'script')}; "
                f"style-src {_source_of(page, b'style')}"
            ),
            "X-Content-Type-Options": "nosniff",
        }

    def get(self) -> Response:
        """HTML."""
        return Response(self._page, mimetype="text/html", headers=self._headers)


def _source_of(page: bytes, tag: bytes) -> str:
    """The source that allows the page's only <script> or <style> in a Content-Security-Policy.

    Browsers compare the hash of the text between its tags; see https://www.w3.org/TR/CSP3/.
    """
    _, begin, rest = page.partition(b"<%b>" % tag)
    text, end, _ = rest.partition(b"</%b>" % tag)
    if not begin or not end:
        raise ValueError(f"the page has no <{tag.decode()}> element without attributes")
    return f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'"
