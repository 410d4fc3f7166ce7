"""The REST routes that listeners use."""

from collections.abc import Mapping
from time import perf_counter
from typing import ClassVar

from flask import Response, request
from flask_restful import Resource

from botify.api.json_response import answer
from botify.catalog import Catalog
from botify.errors import InputError
from botify.experiments import Experiments
from botify.observability.metrics import Metrics
from botify.plays import Play, parse_play
from botify.service import Service

LARGEST_BODY = 64 * 1024
"""Bytes; a play takes about 30, with 1,000 tracks to exclude some 8,000."""

FORCED_HEADER = "X-Botify-Experiments"
"""Asks for treatments, such as `DAE_VS_CONTEXTUAL=T1`, where the config allows that."""

_NONE: Mapping[str, str] = {}


class Hello(Resource):  # type: ignore[misc]  # flask_restful has no types
    """`GET /`: is anybody there?"""

    init_every_request: ClassVar[bool] = False

    def get(self) -> Response:
        """Always the same."""
        return answer({"status": "alive", "message": "botify answers POST /next/<user>"})


class Track(Resource):  # type: ignore[misc]  # flask_restful has no types
    """`GET /track/<track>`."""

    init_every_request: ClassVar[bool] = False

    def __init__(self, catalog: Catalog, metrics: Metrics) -> None:
        """The catalog to look in."""
        self._catalog = catalog
        self._metrics = metrics

    def get(self, track: int) -> Response:
        """Artist and title, or 404."""
        if track >= len(self._catalog):
            self._metrics.refused("track", 404)
            return answer({"message": f"there is no track {track}"}, 404)
        return answer(self._catalog.describe(track))


class _Playback(Resource):  # type: ignore[misc]  # flask_restful has no types
    init_every_request: ClassVar[bool] = False
    route: ClassVar[str]

    def __init__(
        self, catalog: Catalog, service: Service, metrics: Metrics, forcing: Experiments | None
    ) -> None:
        """The catalog checks the track played, the service does the rest.

        `forcing` reads the header that forces treatments; None where that is not allowed.
        """
        self._catalog = catalog
        self._service = service
        self._metrics = metrics
        self._forcing = forcing

    def post(self, user: int) -> Response:
        """The answer, or 400 for a request that is wrong."""
        started = perf_counter()
        try:
            play = parse_play(request.get_data(cache=False), len(self._catalog))
            wanted = None if self._forcing is None else request.headers.get(FORCED_HEADER)
            forced = _NONE if wanted is None else self._read_forced(wanted)
        except InputError as error:
            self._metrics.refused(self.route, 400)
            return answer({"message": str(error)}, 400)
        return answer(self._handle(user, play, forced, started))

    def _read_forced(self, wanted: str) -> Mapping[str, str]:
        # A value that is not ASCII arrives here as an empty one.
        forced = self._forcing.parse_forced(wanted) if self._forcing else _NONE
        if not forced:
            raise InputError(f"{FORCED_HEADER} names no experiment: NAME=T1, in ASCII")
        return forced

    def _handle(
        self, user: int, play: Play, forced: Mapping[str, str], started: float
    ) -> dict[str, int]:
        raise NotImplementedError


class NextTrack(_Playback):
    """`POST /next/<user>`: the track to play next."""

    route = "next"

    def _handle(
        self, user: int, play: Play, forced: Mapping[str, str], started: float
    ) -> dict[str, int]:
        return {"user": user, "track": self._service.next(user, play, forced, started)}


class LastTrack(_Playback):
    """`POST /last/<user>`: the session is over."""

    route = "last"

    def _handle(
        self, user: int, play: Play, forced: Mapping[str, str], started: float
    ) -> dict[str, int]:
        self._service.last(user, play, forced, started)
        return {"user": user}
