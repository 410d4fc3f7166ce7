"""The REST routes."""

from time import perf_counter
from typing import ClassVar

from flask import Response, request
from flask_restful import Resource

from botify.catalog import Catalog
from botify.errors import InputError
from botify.jsonlines import encode
from botify.plays import Play, parse_play
from botify.service import Service
from botify.store import StoreError


def answer(value: object, status: int = 200) -> Response:
    """A JSON response."""
    return Response(encode(value), status, mimetype="application/json")


class Hello(Resource):  # type: ignore[misc]  # flask_restful has no types
    """`GET /`: is anybody there?"""

    init_every_request: ClassVar[bool] = False

    def get(self) -> Response:
        """Always the same."""
        return answer({"status": "alive", "message": "botify answers POST /next/<user>"})


class Track(Resource):  # type: ignore[misc]  # flask_restful has no types
    """`GET /track/<track>`."""

    init_every_request: ClassVar[bool] = False

    def __init__(self, catalog: Catalog) -> None:
        """The catalog to look in."""
        self._catalog = catalog

    def get(self, track: int) -> Response:
        """Artist and title, or 404."""
        if track >= len(self._catalog):
            return answer({"message": f"there is no track {track}"}, 404)
        return answer(self._catalog.describe(track))


class _Playback(Resource):  # type: ignore[misc]  # flask_restful has no types
    init_every_request: ClassVar[bool] = False

    def __init__(self, catalog: Catalog, service: Service) -> None:
        """The catalog checks the track played, the service does the rest."""
        self._catalog = catalog
        self._service = service

    def post(self, user: int) -> Response:
        """The answer, 400 for a bad body, 503 while Redis is away."""
        started = perf_counter()
        try:
            play = parse_play(request.get_data(cache=False), len(self._catalog))
            return answer(self._handle(user, play, started))
        except InputError as error:
            return answer({"message": str(error)}, 400)
        except StoreError as error:
            return answer({"message": str(error)}, 503)

    def _handle(self, user: int, play: Play, started: float) -> dict[str, int]:
        raise NotImplementedError


class NextTrack(_Playback):
    """`POST /next/<user>`: the track to play next."""

    def _handle(self, user: int, play: Play, started: float) -> dict[str, int]:
        return {"user": user, "track": self._service.next(user, play, started)}


class LastTrack(_Playback):
    """`POST /last/<user>`: the session is over."""

    def _handle(self, user: int, play: Play, started: float) -> dict[str, int]:
        self._service.last(user, play, started)
        return {"user": user}
