"""The REST routes of the ratings face."""

from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any, ClassVar
from urllib.parse import parse_qs

from flask import Response, request
from flask_restful import Resource

from botify.api.forcing import Forcing, read_forced
from botify.api.html_pages import Pages, prefers_page
from botify.api.json_response import json_response
from botify.api.query import query_lists
from botify.api.ratings.pages import details
from botify.errors import InputError
from botify.live_routing import LiveRouting
from botify.observability.metrics import Metrics
from botify.ratings.explain import described
from botify.ratings.publications import LivePublication
from botify.ratings.recommenders import RatingRecommender
from botify.ratings.request import parse_page, parse_reco
from botify.ratings.service import RatingsService, UnavailableError

WELCOME = "welcome"
"""The route of the welcome page in metrics."""
_MOST_POPULAR = 5
"""Items that the welcome page shows."""
_MULTIPART = "multipart/form-data"
_NO_PAIRS: Mapping[str, Sequence[str]] = {}


class RatingsRootResource(Resource):  # type: ignore[misc]  # flask_restful has no types
    """`GET /`: is the service there? To a browser, a welcome page."""

    init_every_request: ClassVar[bool] = False

    def __init__(
        self, pages: Pages, metrics: Metrics, routing: LiveRouting[Any, RatingRecommender]
    ) -> None:
        """`metrics` count the visits, of all workers; `routing` has what is served."""
        self._pages = pages
        self._metrics = metrics
        self._routing = routing

    def get(self) -> Response:
        """JSON, or the page for clients that prefer HTML."""
        started = perf_counter()
        if not prefers_page(by_default=False):
            message = "botify answers GET /reco?UsrID=40&n_recos=5"
            return json_response({"status": "alive", "message": message})
        self._metrics.observe_request(WELCOME, perf_counter() - started)
        hits = self._metrics.count_of(WELCOME)
        values = {"models": self._models(), "hits": hits, "origin": request.host_url}
        return self._pages.render("welcome", values)

    def _models(self) -> list[dict[str, Any]]:
        names: dict[LivePublication, list[str]] = {}
        for name, recommender in self._routing.current.recommenders.items():
            names.setdefault(recommender.publication, []).append(name)
        found = []
        for publication, of_it in names.items():
            snapshot = publication.current
            if snapshot is None:
                continue
            manifest = snapshot.manifest
            found.append(
                {
                    "names": of_it,
                    "model": manifest.model,
                    "version": manifest.version,
                    "n_users": manifest.users,
                    "n_items": manifest.items,
                    "scale": manifest.scale,
                    "popular": [
                        described(snapshot.items[number])
                        for number in manifest.popular.items[:_MOST_POPULAR]
                    ],
                }
            )
        return found


class _Answering(Resource):  # type: ignore[misc]  # flask_restful has no types
    """A route that recommends."""

    init_every_request: ClassVar[bool] = False

    def __init__(
        self, service: RatingsService, metrics: Metrics, forcing: Forcing | None, pages: Pages
    ) -> None:
        """`forcing` has the experiments whose treatments a header may force; None if none may."""
        self._service = service
        self._metrics = metrics
        self._forcing = forcing
        self._pages = pages

    def _refused(self, route: str, error: Exception) -> Response:
        status = 503 if isinstance(error, UnavailableError) else 400
        self._metrics.count_error(route, status)
        if route == "recs" and prefers_page(by_default=True):
            return self._pages.render("error", {"message": str(error), "status": status}, status)
        return json_response({"message": str(error)}, status)


class RecoResource(_Answering):
    """`GET` or `POST /reco`: items for a user, with predicted ratings."""

    def get(self) -> Response:
        """The items; 400 for a malformed request, 503 before anything is published."""
        started = perf_counter()
        try:
            form, body = _form_and_body()
            asked = parse_reco(query_lists().items(), form.items(), body)
            forced = read_forced(self._forcing)
            answer = self._service.recommend(asked, forced, started, "reco")
        except (InputError, UnavailableError) as error:
            return self._refused("reco", error)
        return json_response(answer.body())

    def post(self) -> Response:
        """The same."""
        return self.get()


class RecsResource(_Answering):
    """`GET /recs`: the same as a page, with what the user liked and why each item is there."""

    def get(self) -> Response:
        """A page, or JSON for clients that ask for it."""
        started = perf_counter()
        try:
            asked = parse_page(query_lists().items())
            forced = read_forced(self._forcing)
            answer = self._service.recommend(asked, forced, started, "recs")
        except (InputError, UnavailableError) as error:
            return self._refused("recs", error)
        found, manifest = details(answer), answer.snapshot.manifest
        if not prefers_page(by_default=True):
            return json_response(found)
        more = {
            "model": manifest.model,
            "version": manifest.version,
            "scale": manifest.scale,
            "n_items": manifest.items,
            "top": asked.n,
        }
        return self._pages.render("recs", {**found, **more})


def _form_and_body() -> tuple[Mapping[str, Sequence[str]], bytes]:
    """A form's parameters, or a JSON body: what begins as JSON is JSON, as `curl -d` says of
    everything that it is a form."""
    content = request.get_data()
    if not content:
        return _NO_PAIRS, content
    if request.mimetype == _MULTIPART:
        return dict(request.form.lists()), b""
    if request.mimetype == "application/json" or content.lstrip()[:1] in (b"{", b"["):
        return _NO_PAIRS, content
    try:
        return parse_qs(content.decode(), keep_blank_values=True, errors="strict"), b""
    except ValueError as error:  # not UTF-8, or too many fields
        raise InputError("the body must be a form or JSON, in UTF-8") from error
