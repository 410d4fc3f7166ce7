"""The owner's page, `/shop`: figures of the log, and what a visitor would be shown."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter
from typing import Any, ClassVar, NamedTuple

from flask import Response
from flask_restful import Resource

from botify.api.api_keys import ApiKeys
from botify.api.html_pages import Pages, prefers_page
from botify.api.json_response import json_response
from botify.api.query import query_lists
from botify.errors import InputError
from botify.observability.metrics import Metrics
from botify.request_values import parse_id
from botify.shop.lookup import ItemLookup
from botify.shop.owner.report import OwnerReport, Report
from botify.shop.request import ItemRequest, parse_k
from botify.shop.service import ShopService
from botify.store.client import StoreError

DAYS = (1, 7, 28)
"""Periods that may be asked for."""
_WAIT = 1.0
"""Seconds that a page waits for figures."""
_EVENTS = 10
_PARAMETERS = ("days", "user", "k")


class Served(NamedTuple):
    """A list in service."""

    name: str
    version: str
    made: float | None
    """Time of its file; None if it is gone."""


class OwnerPageResource(Resource):  # type: ignore[misc]  # flask_restful has no types
    """`GET /shop`: for the shop's owner."""

    init_every_request: ClassVar[bool] = False

    def __init__(
        self,
        service: ShopService,
        lookup: ItemLookup,
        report: OwnerReport,
        keys: ApiKeys,
        metrics: Metrics,
        versions: Callable[[], Mapping[str, str]],
        files: Mapping[str, Path],
        catalogue: Callable[[], int | None],
    ) -> None:
        """`versions()` of the lists in service; `files` that they are loaded from; `catalogue()`:
        how many items there are, if it is known."""
        self._service = service
        self._lookup = lookup
        self._report = report
        self._keys = keys
        self._metrics = metrics
        self._versions = versions
        self._files = files
        self._catalogue = catalogue
        self._pages = Pages({"days_choices": DAYS})

    def get(self) -> Response:
        """A page, or JSON for clients that prefer it; 401 without a key where there are keys."""
        started = perf_counter()
        page = prefers_page(by_default=True)
        if not self._keys.allow_page():
            return self._refused(page, "this page needs one of the service's keys", 401)
        try:
            days, user, k = _asked()
        except InputError as error:
            return self._refused(page, str(error), 400)
        report = self._report.of(days, _WAIT)
        values: dict[str, Any] = {
            "days": days,
            "open_to_all": len(self._keys) == 0,
            "lists": [self._served(*pair)._asdict() for pair in sorted(self._versions().items())],
            **shown(report, self._catalogue()),
            "visitor": None if user is None else self._visitor(user, k),
            "k": k,
        }
        self._metrics.observe_request("shop", perf_counter() - started)
        if not page:
            return json_response(values)
        return self._pages.render("shop", {**values, "now": time.time()})

    def _refused(self, page: bool, message: str, status: int) -> Response:
        self._metrics.count_error("shop", status)
        answer = (
            self._pages.render("shop_refused", {"message": message, "status": status}, status)
            if page
            else json_response({"message": message}, status)
        )
        if status == 401:
            # A browser asks for a name and a password.
            answer.headers["WWW-Authenticate"] = (
                'Basic realm="any name; a key as the password", charset="UTF-8"'
            )
        return answer

    def _served(self, name: str, version: str) -> Served:
        path = self._files.get(name)
        try:
            return Served(name, version, None if path is None else path.stat().st_mtime)
        except OSError:
            return Served(name, version, None)

    def _visitor(self, user: str, k: int) -> dict[str, Any]:
        answer, treatments = self._service.preview(ItemRequest(user, k))
        recent = self._lookup.recent(user, _EVENTS)
        rows = zip(
            answer.items, answer.sources, answer.roles, answer.because, answer.scores, strict=True
        )
        titles: dict[str, str] = {}

        def titled(item: str) -> dict[str, str]:
            if item not in titles:
                titles[item] = self._title(item)
            return {"item": item, "title": titles[item]}

        return {
            "user": user,
            "recommender": answer.recommender,
            "treatments": dict(treatments),
            "events": [
                {**titled(each.item), "event": each.event, "timestamp": each.timestamp}
                for each in recent or ()
            ],
            "events_known": recent is not None,
            "items": [
                {
                    **titled(item),
                    "source": source,
                    "role": role,
                    "because": None if because is None else titled(because),
                    "score": score,
                }
                for item, source, role, because, score in rows
            ],
        }

    def _title(self, item: str) -> str:
        try:
            return str((self._lookup.item(item) or {}).get("title") or item)
        except StoreError:
            return item


def shown(report: Report, catalogue: int | None) -> dict[str, Any]:
    """A report as the page and its JSON have it."""
    figures = report.figures
    values: dict[str, Any] = {
        "as_of": report.as_of,
        "read": report.read,
        "left_out_bytes": report.left_out,
        "error": report.error,
        "catalogue": catalogue,
        "figures": None,
    }
    if figures is not None:
        values["figures"] = {
            **figures._asdict(),
            "funnel": [step._asdict() for step in figures.funnel],
            "fallbacks": figures.fallbacks,
            "coverage": figures.shown / catalogue if catalogue else None,
        }
    return values


def _asked() -> tuple[int, str | None, int]:
    """Days, visitor and number of items. Raises InputError."""
    query: dict[str, str] = {}
    for key, given in query_lists().items():
        if key not in _PARAMETERS:
            raise InputError(f"unknown parameter {key!r}: the page has {', '.join(_PARAMETERS)}")
        if len(given) > 1:
            raise InputError(f"`{key}` is there twice")
        query[key] = given[0]
    days = query.get("days") or str(DAYS[1])
    if days not in map(str, DAYS):
        raise InputError(f"`days` must be one of {', '.join(map(str, DAYS))}")
    user = query.get("user")
    return int(days), parse_id(user, "`user`") if user else None, parse_k(query.get("k") or None)
