"""Which treatments a user has, on every face."""

from typing import Any, ClassVar

from flask import Response
from flask_restful import Resource

from botify.api.json_response import json_response
from botify.live_routing import LiveRouting
from botify.observability.metrics import Metrics
from contract.ids import ID_RULE, owner_id


class AssignmentResource(Resource):  # type: ignore[misc]  # flask_restful has no types
    """`GET /experiments/<user>`: the user's treatments, for other programs to go by."""

    init_every_request: ClassVar[bool] = False

    def __init__(self, routing: LiveRouting[Any, Any], metrics: Metrics) -> None:
        """`routing` has the experiments; `metrics` count malformed ids."""
        self._routing = routing
        self._metrics = metrics

    def get(self, user: str | int) -> Response:
        """The treatment in each experiment that the user takes part in, by experiment."""
        found = owner_id(user)
        if found is None or "\ufffd" in found:
            self._metrics.count_error("experiments", 400)
            return json_response({"message": f"a user must be {ID_RULE}, in UTF-8"}, 400)
        return json_response(self._routing.current.experiments.assign(found))
