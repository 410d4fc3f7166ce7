"""Routes that services of another edition answer, with their parameters in the query of a POST.

`/put` and `/get` are in `writing`, `/recommendations` is in `resources`.
"""

from time import perf_counter
from typing import ClassVar

from flask import Response
from flask_restful import Resource

from botify.api.json_response import json_response
from botify.api.shop.requests import as_number, needed, query_of, refused
from botify.errors import InputError
from botify.observability.metrics import Metrics
from botify.request_values import parse_id
from botify.shop.lookup import ItemLookup
from botify.shop.recommenders import ItemRecommender, Popular, SimilarItems, UserList
from botify.shop.request import ItemRequest, parse_k
from botify.shop.service import ShopService
from botify.store.items import Source

DEFAULT_SIMILAR = 3
_NO_NEIGHBOURS = "this service has no neighbours of items; `similar` in its config names them"
_EVENTS = 10
"""Of how many items of the last events `/recommendations_online` answers similar ones."""


class SimilarItemsResource(Resource):  # type: ignore[misc]  # flask_restful has no types
    """`POST /similar_items?item_id&k`: the item's neighbours."""

    init_every_request: ClassVar[bool] = False

    def __init__(self, lookup: ItemLookup, metrics: Metrics, neighbours: str | None) -> None:
        """`neighbours` names the lists to answer from; None if the config has none."""
        self._lookup = lookup
        self._metrics = metrics
        self._neighbours = neighbours

    def post(self) -> Response:
        """Items with scores, best first; empty lists for an unknown item, 503 without Redis."""
        started = perf_counter()
        if self._neighbours is None:
            return refused(self._metrics, "similar_items", _NO_NEIGHBOURS, 404)
        try:
            query = query_of("item_id", "k")
            item = parse_id(needed(query, "item_id"), "`item_id`")
            most = parse_k(query.get("k", DEFAULT_SIMILAR))
        except InputError as error:
            return refused(self._metrics, "similar_items", str(error))
        found = self._lookup.top(most, (Source("", ((self._neighbours, item),)),), (item,))
        if found is None:
            return refused(self._metrics, "similar_items", "Redis is unavailable; try again", 503)
        items = [as_number(each) for each in found.items]
        self._metrics.observe_request("similar_items", perf_counter() - started)
        return json_response({"item_id_sim": items, "score": found.scores})


class _OfOneRecommender(Resource):  # type: ignore[misc]  # flask_restful has no types
    init_every_request: ClassVar[bool] = False
    _route: ClassVar[str]
    _fill: ClassVar[bool]

    def __init__(
        self, service: ShopService, metrics: Metrics, recommender: ItemRecommender | None
    ) -> None:
        self._service = service
        self._metrics = metrics
        self._recommender = recommender

    def post(self) -> Response:
        """Items, best first; 404 where the config has no lists for it."""
        started = perf_counter()
        if self._recommender is None:
            return refused(self._metrics, self._route, _NO_NEIGHBOURS, 404)
        try:
            query = query_of("user_id", "k")
            user = parse_id(needed(query, "user_id"), "`user_id`")
            asked = ItemRequest(user, parse_k(query.get("k")))
        except InputError as error:
            return refused(self._metrics, self._route, str(error))
        answer = self._service.recommend_with(self._recommender, asked, started, self._fill)
        return json_response({**answer, "recs": [as_number(item) for item in answer["recs"]]})


class OfflineResource(_OfOneRecommender):
    """`POST /recommendations_offline?user_id&k`: the user's list, then popular items."""

    _route = "recommendations_offline"
    _fill = True

    def __init__(self, service: ShopService, metrics: Metrics, list_name: str | None) -> None:
        """`list_name`: of the lists of users; None if the config has none."""
        recommender: ItemRecommender = Popular("popular", Popular.Config(type="popular"))
        if list_name is not None:
            settings = UserList.Config(type="user_list", list=list_name)
            recommender = UserList(self._route, settings)
        super().__init__(service, metrics, recommender)


class OnlineResource(_OfOneRecommender):
    """`POST /recommendations_online?user_id&k`: neighbours of the items of the last events; none
    for a user without events."""

    _route = "recommendations_online"
    _fill = False

    def __init__(self, service: ShopService, metrics: Metrics, neighbours: str | None) -> None:
        """`neighbours` names the lists; None if the config has none."""
        recommender = None
        if neighbours is not None:
            settings = SimilarItems.Config(
                type="similar_items", neighbours=neighbours, recent=_EVENTS
            )
            recommender = SimilarItems(self._route, settings)
        super().__init__(service, metrics, recommender)
