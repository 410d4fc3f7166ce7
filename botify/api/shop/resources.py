"""The REST routes of the shop face."""

from collections.abc import Mapping
from time import perf_counter
from typing import Any, ClassVar
from urllib.parse import unquote_to_bytes

from flask import Response, request
from flask_restful import Resource

from botify.api.forcing import Forcing, read_forced
from botify.api.json_response import json_response
from botify.errors import InputError
from botify.live_routing import LiveRouting
from botify.observability.metrics import Metrics
from botify.shop.request import parse_id, parse_k, parse_request
from botify.shop.service import ItemLookup, ShopService
from botify.store.client import StoreError
from botify.store.items import Source


def _refused(metrics: Metrics, route: str, message: str, status: int = 400) -> Response:
    metrics.count_error(route, status)
    return json_response({"message": message}, status)


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
        try:
            asked = parse_request(_query(), request.get_data(cache=False))
            forced = read_forced(self._forcing)
        except InputError as error:
            return _refused(self._metrics, "recommendations", str(error))
        return json_response(self._service.recommend(asked, forced, started))

    def post(self) -> Response:
        """The same."""
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
            return _refused(self._metrics, "similar", message, 404)
        try:
            item = parse_id(item, "an item")
            query = _query()
            if unknown := set(query) - {"k"}:
                raise InputError(f"unknown parameter {min(unknown)!r}: the query has `k`")
            most = parse_k(query["k"][0] if "k" in query else None)
        except InputError as error:
            return _refused(self._metrics, "similar", str(error))
        found = self._lookup.top(most, (Source("", ((self._neighbours, item),)),), (item,))
        try:
            if found is None:
                raise StoreError("Redis is unavailable", "connection")
            if not found.items and self._lookup.item(item) is None:
                return _refused(self._metrics, "similar", f"there is no item {item!r}", 404)
        except StoreError as error:
            return _refused(self._metrics, "similar", f"{error}; try again", 503)
        answer = {
            "item": item,
            "items": found.items,
            "scores": found.scores,
            "model_version": found.version,
        }
        self._metrics.observe_request("similar", perf_counter() - started)
        return json_response(answer)


class ItemResource(Resource):  # type: ignore[misc]  # flask_restful has no types
    """`GET /items/<item>`."""

    init_every_request: ClassVar[bool] = False

    def __init__(self, lookup: ItemLookup, metrics: Metrics) -> None:
        """`metrics` count unknown items."""
        self._lookup = lookup
        self._metrics = metrics

    def get(self, item: str) -> Response:
        """Title and other fields, as in items.json; 404 for an unknown item, 503 without Redis."""
        started = perf_counter()
        try:
            item = parse_id(item, "an item")
            found = self._lookup.item(item)
        except InputError as error:
            return _refused(self._metrics, "items", str(error))
        except StoreError as error:
            return _refused(self._metrics, "items", f"{error}; try again", 503)
        if found is None:
            return _refused(self._metrics, "items", f"there is no item {item!r}", 404)
        self._metrics.observe_request("items", perf_counter() - started)
        return json_response(found)


class AssignmentResource(Resource):  # type: ignore[misc]  # flask_restful has no types
    """`GET /experiments/<user>`: the user's treatments, for other programs to go by."""

    init_every_request: ClassVar[bool] = False

    def __init__(self, routing: LiveRouting[Any, Any], metrics: Metrics) -> None:
        """`routing` has the experiments; `metrics` count malformed ids."""
        self._routing = routing
        self._metrics = metrics

    def get(self, user: str) -> Response:
        """The treatment in each experiment that the user takes part in, by experiment."""
        try:
            experiments = self._routing.current.experiments
            return json_response(experiments.assign(parse_id(user, "a user")))
        except InputError as error:
            return _refused(self._metrics, "experiments", str(error))


def _query() -> Mapping[str, list[str]]:
    """The parameters. Raises InputError for bytes that are not UTF-8, which would become text."""
    if b"%" in (raw := request.query_string):
        try:
            unquote_to_bytes(raw).decode()
        except UnicodeDecodeError:
            raise InputError("the query must be UTF-8") from None
    return dict(request.args.lists())
