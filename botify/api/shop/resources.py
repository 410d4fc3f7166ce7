"""The REST routes of the shop face."""

from time import perf_counter
from typing import ClassVar

from flask import Response, request
from flask_restful import Resource
from werkzeug.exceptions import RequestEntityTooLarge

from botify.api.forcing import Forcing, read_forced
from botify.api.json_response import json_response
from botify.api.query import query_lists
from botify.api.resources import MAX_BODY_BYTES
from botify.api.shop.requests import as_number, query_of, refused
from botify.errors import InputError
from botify.observability.metrics import Metrics
from botify.request_values import parse_id
from botify.shop.lookup import ItemLookup
from botify.shop.request import parse_k, parse_request
from botify.shop.service import ShopService
from botify.store.client import StoreError
from botify.store.items import Source


class ShopRootResource(Resource):  # type: ignore[misc]  # flask_restful has no types
    """`GET /`: is the service there?"""

    init_every_request: ClassVar[bool] = False

    def get(self) -> Response:
        """Always the same."""
        message = "botify answers GET /recommendations/?user_id=1&k=5"
        return json_response({"status": "alive", "message": message})


class RecommendationsResource(Resource):  # type: ignore[misc]  # flask_restful has no types
    """`GET` or `POST /recommendations`: items for a user."""

    init_every_request: ClassVar[bool] = False

    def __init__(self, service: ShopService, metrics: Metrics, forcing: Forcing | None) -> None:
        """`forcing` has the experiments whose treatments a header may force; None if none may."""
        self._service = service
        self._metrics = metrics
        self._forcing = forcing

    def get(self) -> Response:
        """The items, or 400 for a malformed request."""
        started = perf_counter()
        body = request.get_data(cache=False)
        if len(body) > MAX_BODY_BYTES:
            raise RequestEntityTooLarge(f"the body is larger than {MAX_BODY_BYTES:,} bytes")
        try:
            asked = parse_request(query_lists(), body)
            forced = read_forced(self._forcing)
        except InputError as error:
            return refused(self._metrics, "recommendations", str(error))
        answer = self._service.recommend(asked, forced, started)
        if request.method == "POST" and not body:  # as the other edition asks
            answer = {**answer, "recs": [as_number(item) for item in answer["recs"]]}
        return json_response(answer)

    def post(self) -> Response:
        """The same; without a body, integers where ids are such."""
        return self.get()


class SimilarResource(Resource):  # type: ignore[misc]  # flask_restful has no types
    """`GET /similar/<item>`: the item's neighbours."""

    init_every_request: ClassVar[bool] = False

    def __init__(self, lookup: ItemLookup, metrics: Metrics, neighbours: str | None) -> None:
        """`neighbours` names the lists to answer from; None if the config has none."""
        self._lookup = lookup
        self._metrics = metrics
        self._neighbours = neighbours

    def get(self, item: str) -> Response:
        """Neighbours with scores, best first; 404 for an unknown item, 503 without Redis."""
        started = perf_counter()
        if self._neighbours is None:
            message = "this service has no neighbours of items; `similar` in its config names them"
            return refused(self._metrics, "similar", message, 404)
        try:
            item = parse_id(item, "an item")
            most = parse_k(query_of("k").get("k"))
        except InputError as error:
            return refused(self._metrics, "similar", str(error))
        found = self._lookup.top(most, (Source("", ((self._neighbours, item),)),), (item,))
        try:
            if found is None:
                raise StoreError("Redis is unavailable", "connection")
            if not found.items and self._lookup.item(item) is None:
                return refused(self._metrics, "similar", f"there is no item {item!r}", 404)
        except StoreError as error:
            return refused(self._metrics, "similar", f"{error}; try again", 503)
        answer = {
            "item": item,
            "items": found.items,
            "scores": found.scores,
            "model_version": found.version,
        }
        self._metrics.observe_request("similar", perf_counter() - started)
        return json_response(answer)
