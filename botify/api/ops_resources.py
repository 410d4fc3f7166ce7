"""The routes for those who keep the service running."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from flask import Response
from flask_restful import Api, Resource
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from botify.api.json_response import answer
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
