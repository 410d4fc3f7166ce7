"""The REST routes of the shop face that write, and those that read what visitors did."""

from collections.abc import Callable
from time import perf_counter
from typing import Any, ClassVar

from flask import Response, request
from flask_restful import Resource

from botify.api.api_keys import ApiKeys
from botify.api.json_response import json_response
from botify.api.shop.requests import as_number, needed, query_of, refused
from botify.errors import InputError
from botify.observability.metrics import Metrics
from botify.request_values import parse_id
from botify.shop.event_request import parse_events
from botify.shop.intake import EventIntake, LogFullError
from botify.shop.item_intake import ItemIntake, parse_changes
from botify.shop.lookup import ItemLookup
from botify.shop.request import parse_k
from botify.store.client import StoreError
from botify.store.event_outbox import EventOutbox
from botify.store.visitor_events import ConflictError, RecentEvent
from contract.shop_events import ShopEvent


class _TakesEvents(Resource):  # type: ignore[misc]  # flask_restful has no types
    init_every_request: ClassVar[bool] = False

    def __init__(self, intake: EventIntake, keys: ApiKeys, metrics: Metrics) -> None:
        """`keys`: of which the request must have one."""
        self._intake = intake
        self._keys = keys
        self._metrics = metrics


class EventsResource(_TakesEvents):
    """`POST /events`: what visitors did."""

    def post(self) -> Response:
        """How many were taken. All or none, but for 503, where the log's disk is full."""
        started = perf_counter()
        self._keys.check()
        try:
            events = parse_events(request.get_data(cache=False), self._intake.kinds)
            taken = self._intake.take(events)
        except InputError as error:
            return refused(self._metrics, "events", str(error))
        except ConflictError as error:
            which = f"event {error.place + 1} of {len(events)}: " if len(events) > 1 else ""
            message = f"{which}the id {events[error.place].id!r} is that of another event"
            return refused(self._metrics, "events", message, 409)
        except LogFullError as error:
            return refused(self._metrics, "events", str(error), 503)
        self._metrics.observe_request("events", perf_counter() - started)
        return json_response(taken._asdict())


class _OfVisitor(Resource):  # type: ignore[misc]  # flask_restful has no types
    init_every_request: ClassVar[bool] = False

    def __init__(self, lookup: ItemLookup, outbox: EventOutbox, metrics: Metrics) -> None:
        """`outbox` has what this worker took without Redis."""
        self._lookup = lookup
        self._outbox = outbox
        self._metrics = metrics

    def _last(self, user: str, most: int) -> tuple[list[RecentEvent], bool]:
        """The last events, and whether these are all that are known."""
        found = self._lookup.recent(user, most)
        if found is not None:
            return list(found), True
        return list(self._outbox.of(user))[:most], False

    def _answered(
        self, route: str, started: float, answer: dict[str, Any], complete: bool
    ) -> Response:
        if not complete:
            answer["partial"] = True
        self._metrics.observe_request(route, perf_counter() - started)
        return json_response(answer)


class VisitorEventsResource(_OfVisitor):
    """`GET /events/<user>`: what the visitor did last."""

    def get(self, user: str) -> Response:
        """Events, newest first; `partial` where Redis is away, which has the older ones."""
        started = perf_counter()
        try:
            user = parse_id(user, "a user")
            query = query_of("k")
            events, complete = self._last(user, parse_k(query.get("k")))
        except InputError as error:
            return refused(self._metrics, "events", str(error))
        answer = {"user": user, "events": [event._asdict() for event in events]}
        return self._answered("events", started, answer, complete)


class GetResource(_OfVisitor):
    """`POST /get?user_id&k`, as the service of another edition has it."""

    def post(self) -> Response:
        """Items, newest first; integers where they are such."""
        started = perf_counter()
        try:
            query = query_of("user_id", "k")
            user = parse_id(needed(query, "user_id"), "`user_id`")
            events, complete = self._last(user, parse_k(query.get("k")))
        except InputError as error:
            return refused(self._metrics, "get", str(error))
        answer = {"events": [as_number(event.item) for event in events]}
        return self._answered("get", started, answer, complete)


class PutResource(_TakesEvents):
    """`POST /put?user_id&item_id`, as the service of another edition has it: a view."""

    def post(self) -> Response:
        """Always the same, once the event is in the log."""
        started = perf_counter()
        self._keys.check()
        try:
            query = query_of("user_id", "item_id")
            user = parse_id(needed(query, "user_id"), "`user_id`")
            item = parse_id(needed(query, "item_id"), "`item_id`")
            self._intake.take([ShopEvent(user, item, "view")])
        except InputError as error:
            return refused(self._metrics, "put", str(error))
        except LogFullError as error:
            return refused(self._metrics, "put", str(error), 503)
        self._metrics.observe_request("put", perf_counter() - started)
        return json_response({"result": "ok"})


class ItemsResource(Resource):  # type: ignore[misc]  # flask_restful has no types
    """`POST /items`: what changed of items."""

    init_every_request: ClassVar[bool] = False

    def __init__(self, intake: ItemIntake, keys: ApiKeys, metrics: Metrics) -> None:
        """`keys`: of which the request must have one."""
        self._intake = intake
        self._keys = keys
        self._metrics = metrics

    def post(self) -> Response:
        """How many were taken, and whether they are in effect. All or none."""
        started = perf_counter()
        self._keys.check()
        try:
            changes = parse_changes(request.get_data(cache=False))
        except InputError as error:
            return refused(self._metrics, "items", str(error))
        return _changed(
            self._metrics, started, lambda: self._intake.take(changes), {"accepted": len(changes)}
        )


class ItemResource(Resource):  # type: ignore[misc]  # flask_restful has no types
    """`/items/<item>`."""

    init_every_request: ClassVar[bool] = False

    def __init__(
        self, lookup: ItemLookup, intake: ItemIntake, keys: ApiKeys, metrics: Metrics
    ) -> None:
        """`metrics` count unknown items."""
        self._lookup = lookup
        self._intake = intake
        self._keys = keys
        self._metrics = metrics

    def get(self, item: str) -> Response:
        """What items.json says of it, and what was changed since; 404 for an unknown item, 503
        without Redis."""
        started = perf_counter()
        try:
            item = parse_id(item, "an item")
            query_of()
            found = self._lookup.item(item)
        except InputError as error:
            return refused(self._metrics, "items", str(error))
        except StoreError as error:
            return refused(self._metrics, "items", f"{error}; try again", 503)
        if found is None:
            return refused(self._metrics, "items", f"there is no item {item!r}", 404)
        self._metrics.observe_request("items", perf_counter() - started)
        return json_response(found)

    def delete(self, item: str) -> Response:
        """It is not answered any more, until it is posted again; 404 for an unknown item."""
        started = perf_counter()
        self._keys.check()
        try:
            item = parse_id(item, "an item")
            query_of()
            if self._lookup.item(item) is None:
                return refused(self._metrics, "items", f"there is no item {item!r}", 404)
        except InputError as error:
            return refused(self._metrics, "items", str(error))
        except StoreError:
            pass  # whether it is there is not known; it will not be
        return _changed(
            self._metrics, started, lambda: self._intake.take([(item, None)]), {"item": item}
        )


def _changed(
    metrics: Metrics, started: float, take: Callable[[], bool], answer: dict[str, Any]
) -> Response:
    try:
        answer["applied"] = take()
    except OSError as error:
        message = f"the disk does not take it: {error.strerror}; nothing was changed"
        return refused(metrics, "items", message, 503)
    metrics.observe_request("items", perf_counter() - started)
    return json_response(answer)
