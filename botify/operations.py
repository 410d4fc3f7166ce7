"""The routes for those who keep the service running, and its documentation."""

import base64
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from typing import Any, ClassVar

from flask import Response
from flask_restful import Api, Resource
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from botify.health import State, degraded, trouble
from botify.jsonlines import encode
from botify.metrics import Metrics
from botify.openapi import document
from botify.resources import answer

Describe = Callable[[], Sequence[Mapping[str, Any]]]


def add_operations(
    api: Api,
    *,
    state: Callable[[], State],
    metrics: Metrics,
    experiments: Describe,
    n_tracks: int,
    forcing: bool,
) -> None:
    """Add the routes of this module.

    `state` tells how the worker fares and `experiments` what runs; `forcing` is whether a header
    may force treatments.
    """
    watch: dict[str, Any] = {"state": state, "metrics": metrics}
    page = files("botify").joinpath("docs.html").read_bytes()
    described = encode(document(n_tracks, experiments(), forcing))
    for resource, path, needs in (
        (Running, "/experiments", {"experiments": experiments}),
        (Figures, "/metrics", watch),
        (Health, "/health", watch),
        (Live, "/health/live", {}),
        (Ready, "/health/ready", {"state": state}),
        (Document, "/openapi.json", {"document": described}),
        (Docs, "/docs", {"page": page}),
    ):
        api.add_resource(resource, path, resource_class_kwargs=needs)


class Running(Resource):  # type: ignore[misc]  # flask_restful has no types
    """`GET /experiments`."""

    init_every_request: ClassVar[bool] = False

    def __init__(self, experiments: Describe) -> None:
        """What describes them."""
        self._experiments = experiments

    def get(self) -> Response:
        """All that run, in the order in which they decide."""
        return answer({"experiments": self._experiments()})


class Figures(Resource):  # type: ignore[misc]  # flask_restful has no types
    """`GET /metrics`."""

    init_every_request: ClassVar[bool] = False

    def __init__(self, state: Callable[[], State], metrics: Metrics) -> None:
        """This worker's state, and what counts for all."""
        self._state = state
        self._metrics = metrics

    def get(self) -> Response:
        """Prometheus' text format."""
        self._metrics.publish(self._state())
        return Response(self._metrics.render(), content_type=CONTENT_TYPE_LATEST)


class Health(Resource):  # type: ignore[misc]  # flask_restful has no types
    """`GET /health`: does a person have to look at it?"""

    init_every_request: ClassVar[bool] = False

    def __init__(self, state: Callable[[], State], metrics: Metrics) -> None:
        """This worker's state, and what counts for all."""
        self._state = state
        self._metrics = metrics

    def get(self) -> Response:
        """200, or 503 with the reasons."""
        state = self._state()
        self._metrics.publish(state)
        reasons = trouble(state, self._metrics.log_trouble(), self._metrics.fallback_shares())
        if reasons:
            return answer({"status": "bad", "reasons": reasons}, 503)
        return answer({"status": "ok"})


class Live(Resource):  # type: ignore[misc]  # flask_restful has no types
    """`GET /health/live`: is the process alive?"""

    init_every_request: ClassVar[bool] = False

    def get(self) -> Response:
        """Always the same."""
        return answer({"status": "alive"})


class Ready(Resource):  # type: ignore[misc]  # flask_restful has no types
    """`GET /health/ready`: can it answer listeners?"""

    init_every_request: ClassVar[bool] = False

    def __init__(self, state: Callable[[], State]) -> None:
        """This worker's state."""
        self._state = state

    def get(self) -> Response:
        """200 even when degraded: a balancer that took every instance out for a Redis that is
        away would make an outage of worse recommendations.
        """
        reasons = degraded(self._state())
        return answer({"status": "degraded" if reasons else "ready", "reasons": reasons})


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
