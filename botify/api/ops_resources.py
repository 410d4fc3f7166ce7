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

from botify.api.json_response import answer
from botify.api.openapi import document
from botify.files.jsonlines import encode
from botify.observability.health import State, degraded, trouble
from botify.observability.metrics import Exposition
from botify.observability.worker_table import Roster

Describe = Callable[[], Sequence[Mapping[str, Any]]]


def add_operations(
    api: Api,
    states: Callable[[], Sequence[State]],
    exposition: Exposition,
    experiments: Describe,
    roster: Roster | None,
    tell_workers: bool = False,
) -> None:
    """Add the routes for health, metrics and experiments.

    `states` tells how those workers fare for which this answers, and `roster` which of all answer.
    `tell_workers`: whether health says how many they are where all is well, too.
    """
    health = {
        "states": states,
        "exposition": exposition,
        "roster": roster,
        "tell_workers": tell_workers,
    }
    for resource, path, needs in (
        (Running, "/experiments", {"experiments": experiments}),
        (Figures, "/metrics", {"states": states, "exposition": exposition, "roster": roster}),
        (Health, "/health", health),
        (Live, "/health/live", {}),
        (Ready, "/health/ready", {"states": states, "roster": roster}),
    ):
        api.add_resource(resource, path, resource_class_kwargs=needs)


def add_documents(
    api: Api, experiments: Sequence[Mapping[str, Any]], n_tracks: int, forcing: bool
) -> None:
    """Add the routes for the documentation; `forcing`: whether a header may force treatments."""
    page = files("botify.api").joinpath("docs.html").read_bytes()
    described = encode(document(n_tracks, experiments, forcing))
    api.add_resource(Document, "/openapi.json", resource_class_kwargs={"document": described})
    api.add_resource(Docs, "/docs", resource_class_kwargs={"page": page})


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

    def __init__(
        self, states: Callable[[], Sequence[State]], exposition: Exposition, roster: Roster | None
    ) -> None:
        """Arguments as for `add_operations`."""
        self._states = states
        self._exposition = exposition
        self._roster = roster

    def get(self) -> Response:
        """Prometheus' text format."""
        text = self._exposition.render(self._states(), self._roster)
        return Response(text, content_type=CONTENT_TYPE_LATEST)


class Health(Resource):  # type: ignore[misc]  # flask_restful has no types
    """`GET /health`: does a person have to look at it?"""

    init_every_request: ClassVar[bool] = False

    def __init__(
        self,
        states: Callable[[], Sequence[State]],
        exposition: Exposition,
        roster: Roster | None,
        tell_workers: bool,
    ) -> None:
        """Arguments as for `add_operations`."""
        self._states = states
        self._exposition = exposition
        self._roster = roster
        self._tell_workers = tell_workers

    def get(self) -> Response:
        """200, or 503 with the reasons."""
        states = self._states()
        logs, shares = self._exposition.log_trouble(), self._exposition.fallback_shares()
        reasons = _away(self._roster)
        reasons += trouble(states, logs, shares)
        told: dict[str, object] = {"status": "bad" if reasons else "ok"}
        if reasons:
            told["reasons"] = reasons
        if self._roster and (self._tell_workers or self._roster.trouble()):
            told["workers"] = {
                "serving": self._roster.serving(),
                "configured": self._roster.workers,
            }
        return answer(told, 503 if reasons else 200)


class Live(Resource):  # type: ignore[misc]  # flask_restful has no types
    """`GET /health/live`: is the process alive?"""

    init_every_request: ClassVar[bool] = False

    def get(self) -> Response:
        """Always the same."""
        return answer({"status": "alive"})


class Ready(Resource):  # type: ignore[misc]  # flask_restful has no types
    """`GET /health/ready`: can it answer listeners?"""

    init_every_request: ClassVar[bool] = False

    def __init__(self, states: Callable[[], Sequence[State]], roster: Roster | None) -> None:
        """Arguments as for `add_operations`."""
        self._states = states
        self._roster = roster

    def get(self) -> Response:
        """200 even when degraded: a balancer that took every instance out for a Redis that is
        away would make an outage of worse recommendations. 503 only where no worker answers.
        """
        if self._roster and not self._roster.serving():
            return answer({"status": "away", "reasons": _away(self._roster)}, 503)
        reasons = degraded(self._states())
        return answer({"status": "degraded" if reasons else "ready", "reasons": reasons})


def _away(roster: Roster | None) -> list[str]:
    return roster.trouble() if roster else []


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
