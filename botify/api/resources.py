"""The REST routes for listeners."""

from collections.abc import Callable, Mapping
from time import perf_counter
from typing import ClassVar

from flask import Response, request
from flask_restful import Resource

from botify.api.forcing import Forcing, read_forced
from botify.api.json_response import json_response
from botify.catalog import Catalog
from botify.errors import InputError
from botify.observability.metrics import Metrics
from botify.plays import Play, parse_play
from botify.service import Service

MAX_BODY_BYTES = 64 * 1024
"""Bytes; a play takes about 30, with 1,000 tracks to exclude some 8,000."""


Answer = dict[str, int]
Handler = Callable[[Service, int, Play, Mapping[str, str], float], Answer]
"""Service, user, play, forced treatments and perf_counter() at the start -> what is answered."""


def _next(
    service: Service, user: int, play: Play, forced: Mapping[str, str], started: float
) -> Answer:
    return {"user": user, "track": service.next(user, play, forced, started)}


def _last(
    service: Service, user: int, play: Play, forced: Mapping[str, str], started: float
) -> Answer:
    service.last(user, play, forced, started)
    return {"user": user}


HANDLERS: Mapping[str, Handler] = {"next": _next, "last": _last}
"""Of the routes that take plays; `FastPath` answers by them too."""


class RootResource(Resource):  # type: ignore[misc]  # flask_restful has no types
    """`GET /`: is the service there?"""

    init_every_request: ClassVar[bool] = False

    def get(self) -> Response:
        """Always the same."""
        return json_response({"status": "alive", "message": "botify answers POST /next/<user>"})


class TrackResource(Resource):  # type: ignore[misc]  # flask_restful has no types
    """`GET /track/<track>`."""

    init_every_request: ClassVar[bool] = False

    def __init__(self, catalog: Catalog, metrics: Metrics) -> None:
        """`metrics` count unknown tracks."""
        self._catalog = catalog
        self._metrics = metrics

    def get(self, track: int) -> Response:
        """Artist and title, or 404."""
        if track >= len(self._catalog):
            self._metrics.count_error("track", 404)
            return json_response({"message": f"there is no track {track}"}, 404)
        return json_response(self._catalog.describe(track))


class _PlayResource(Resource):  # type: ignore[misc]  # flask_restful has no types
    init_every_request: ClassVar[bool] = False
    route: ClassVar[str]

    def __init__(
        self, catalog: Catalog, service: Service, metrics: Metrics, forcing: Forcing | None
    ) -> None:
        """`catalog` has the tracks that may be played.

        `forcing` has the experiments whose treatments a header may force; None if none may.
        """
        self._catalog = catalog
        self._service = service
        self._metrics = metrics
        self._forcing = forcing

    def post(self, user: int) -> Response:
        """The answer, or 400 for a malformed request."""
        started = perf_counter()
        try:
            play = parse_play(request.get_data(cache=False), len(self._catalog))
            forced = read_forced(self._forcing)
        except InputError as error:
            self._metrics.count_error(self.route, 400)
            return json_response({"message": str(error)}, 400)
        return json_response(HANDLERS[self.route](self._service, user, play, forced, started))


class NextResource(_PlayResource):
    """`POST /next/<user>`: the track to play next."""

    route = "next"


class LastResource(_PlayResource):
    """`POST /last/<user>`: the session ended."""

    route = "last"
