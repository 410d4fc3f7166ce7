"""The routes for operations: experiments, metrics, health."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from flask import Response
from flask_restful import Api, Resource
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from botify.api.json_response import json_response
from botify.observability.health import WorkerReport, degradations, notices, problems
from botify.observability.metrics import Exposition
from botify.observability.worker_table import WorkerTable

Describe = Callable[[], Sequence[Mapping[str, Any]]]


def add_operations(
    api: Api,
    states: Callable[[], Sequence[WorkerReport]],
    exposition: Exposition,
    experiments: Describe,
    table: WorkerTable | None,
    with_workers: bool = False,
    warnings: Callable[[], Sequence[str]] = tuple,
) -> None:
    """Add the routes for health, metrics and experiments.

    `states()`: reports of the workers that this process answers for. `table`: the state of all
    workers. `with_workers`: whether `/health` always has their number, and not only on problems.
    `warnings()`: what it tells besides, without being bad.
    """
    health = {
        "states": states,
        "exposition": exposition,
        "table": table,
        "with_workers": with_workers,
        "warnings": warnings,
    }
    for resource, path, needs in (
        (ExperimentsResource, "/experiments", {"experiments": experiments}),
        (
            MetricsResource,
            "/metrics",
            {"states": states, "exposition": exposition, "table": table},
        ),
        (HealthResource, "/health", health),
        (LivenessResource, "/health/live", {}),
        (ReadinessResource, "/health/ready", {"states": states, "table": table}),
    ):
        api.add_resource(resource, path, resource_class_kwargs=needs)


class ExperimentsResource(Resource):  # type: ignore[misc]  # flask_restful has no types
    """`GET /experiments`."""

    init_every_request: ClassVar[bool] = False

    def __init__(self, experiments: Describe) -> None:
        """`experiments()` describes them."""
        self._experiments = experiments

    def get(self) -> Response:
        """All that run, in the order in which they are tried."""
        return json_response({"experiments": self._experiments()})


class MetricsResource(Resource):  # type: ignore[misc]  # flask_restful has no types
    """`GET /metrics`."""

    init_every_request: ClassVar[bool] = False

    def __init__(
        self,
        states: Callable[[], Sequence[WorkerReport]],
        exposition: Exposition,
        table: WorkerTable | None,
    ) -> None:
        """Arguments as for `add_operations`."""
        self._states = states
        self._exposition = exposition
        self._table = table

    def get(self) -> Response:
        """Prometheus' text format."""
        text = self._exposition.render(self._states(), self._table)
        return Response(text, content_type=CONTENT_TYPE_LATEST)


class HealthResource(Resource):  # type: ignore[misc]  # flask_restful has no types
    """`GET /health`: does a person have to act?"""

    init_every_request: ClassVar[bool] = False

    def __init__(
        self,
        states: Callable[[], Sequence[WorkerReport]],
        exposition: Exposition,
        table: WorkerTable | None,
        with_workers: bool,
        warnings: Callable[[], Sequence[str]],
    ) -> None:
        """Arguments as for `add_operations`."""
        self._states = states
        self._exposition = exposition
        self._table = table
        self._with_workers = with_workers
        self._warnings = warnings

    def get(self) -> Response:
        """200, or 503 with the reasons."""
        states = self._states()
        logs, shares = self._exposition.log_totals(), self._exposition.fallback_shares()
        reasons = _absent_workers(self._table)
        reasons += problems(states, logs, shares)
        body: dict[str, object] = {"status": "bad" if reasons else "ok"}
        if reasons:
            body["reasons"] = reasons
        if warnings := [*self._warnings(), *notices(states)]:
            body["warnings"] = warnings
        if self._table and (self._with_workers or self._table.problems()):
            body["workers"] = {
                "serving": self._table.serving(),
                "configured": self._table.workers,
            }
        return json_response(body, 503 if reasons else 200)


class LivenessResource(Resource):  # type: ignore[misc]  # flask_restful has no types
    """`GET /health/live`: is the process alive?"""

    init_every_request: ClassVar[bool] = False

    def get(self) -> Response:
        """Always the same."""
        return json_response({"status": "alive"})


class ReadinessResource(Resource):  # type: ignore[misc]  # flask_restful has no types
    """`GET /health/ready`: can it answer listeners?"""

    init_every_request: ClassVar[bool] = False

    def __init__(
        self, states: Callable[[], Sequence[WorkerReport]], table: WorkerTable | None
    ) -> None:
        """Arguments as for `add_operations`."""
        self._states = states
        self._table = table

    def get(self) -> Response:
        """200 even if degraded: if Redis is unavailable, a load balancer that removed every
        instance would turn worse recommendations into an outage. 503 only if no worker answers,
        or none has anything to answer with.
        """
        if self._table and not self._table.serving():
            return json_response({"status": "away", "reasons": _absent_workers(self._table)}, 503)
        states = self._states()
        absent = [state.no_answers for state in states]
        if absent and all(absent):
            return json_response({"status": "away", "reasons": list(dict.fromkeys(absent))}, 503)
        reasons = degradations(states)
        return json_response({"status": "degraded" if reasons else "ready", "reasons": reasons})


def _absent_workers(table: WorkerTable | None) -> list[str]:
    return table.problems() if table else []
