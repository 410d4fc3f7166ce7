"""Which treatments a user has, on every face."""

from typing import Any, ClassVar

from flask import Response, request
from flask_restful import Resource
from werkzeug.routing import BaseConverter

from botify.api.json_response import json_response
from botify.errors import InputError
from botify.live_routing import LiveRouting
from botify.observability.metrics import Metrics
from botify.request_values import parse_id


class AnyId(BaseConverter):
    """The rest of the path, slashes included."""

    regex = "(?s:.+)"
    part_isolating = False


class AssignmentResource(Resource):  # type: ignore[misc]  # flask_restful has no types
    """`GET /experiments/<user>`: the user's treatments, for other programs to go by."""

    init_every_request: ClassVar[bool] = False

    def __init__(self, routing: LiveRouting[Any, Any], metrics: Metrics) -> None:
        """`routing` has the experiments; `metrics` count malformed ids."""
        self._routing = routing
        self._metrics = metrics

    def get(self, user: str | int) -> Response:
        """The treatment in each experiment that the user takes part in, by experiment."""
        try:
            if request.args:  # it would have no effect
                raise InputError(f"unknown parameter {min(request.args)!r}: this route has none")
            found = parse_id(user, "a user")
        except InputError as error:
            self._metrics.count_error("experiments", 400)
            return json_response({"message": str(error)}, 400)
        return json_response(self._routing.current.experiments.assign(found))
