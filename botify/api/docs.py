"""The routes of the documentation: the OpenAPI document, and a page for people."""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, ClassVar

from flask import Response
from flask_restful import Api, Resource

from botify.api.openapi import document
from botify.files.jsonlines import encode


def add_documents(
    api: Api, experiments: Sequence[Mapping[str, Any]], n_tracks: int, forcing: bool
) -> None:
    """Add the routes for the documentation; `forcing`: whether a header may force treatments."""
    page = files("botify.api").joinpath("docs.html").read_bytes()
    described = encode(document(n_tracks, experiments, forcing))
    api.add_resource(Document, "/openapi.json", resource_class_kwargs={"document": described})
    api.add_resource(Docs, "/docs", resource_class_kwargs={"page": page})


class Document(Resource):  # type: ignore[misc]  # flask_restful has no types
    """`GET /openapi.json`."""

    init_every_request: ClassVar[bool] = False

    def __init__(self, document: bytes) -> None:
        """The document as JSON."""
        self._document = document

    def get(self) -> Response:
        """OpenAPI 3.1."""
        return Response(self._document, mimetype="application/json")


class Docs(Resource):  # type: ignore[misc]  # flask_restful has no types
    """`GET /docs`: the document for people."""

    init_every_request: ClassVar[bool] = False

    def __init__(self, page: bytes) -> None:
        """The page. Browsers run its own script and style and talk to this service alone."""
        self._page = page
        self._headers = {
            "Content-Security-Policy": (
                f"default-src 'none'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
                f"frame-ancestors 'none'; script-src {_digest(page, b'script')}; "
                f"style-src {_digest(page, b'style')}"
            ),
            "X-Content-Type-Options": "nosniff",
        }

    def get(self) -> Response:
        """HTML."""
        return Response(self._page, mimetype="text/html", headers=self._headers)


def _digest(page: bytes, tag: bytes) -> str:
    """The content of the page's one such element as a source of a security policy."""
    [text] = re.findall(rb"<%b>(.*?)</%b>" % (tag, tag), page, re.DOTALL)
    return f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'"
