"""Pages of the ratings face: HTML that needs no script and no other host."""

import base64
import hashlib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from flask import Response, request
from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from botify.ratings.explain import Rated, described, liked, reasons
from botify.ratings.request import DEFAULT_TOP, DEFAULT_USER
from botify.ratings.service import FALLBACK, Answer

MOST_LIKED = 10
"""Items that a page shows of those that the user liked before."""
_JSON, _HTML = "application/json", "text/html"


class Pages:
    """Renders templates; their only style is allowed by its hash."""

    def __init__(self) -> None:
        loader = PackageLoader("botify.api.ratings", "pages")
        self._templates = Environment(loader=loader, autoescape=True, trim_blocks=True)
        style = files("botify.api.ratings").joinpath("pages", "page.css").read_text("utf-8")
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        self._common = {
            "style": Markup(style),
            "default_user": DEFAULT_USER,
            "default_top": DEFAULT_TOP,
        }
        self._headers = {
            "Content-Security-Policy": (
                f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
                "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
            ),
            "X-Content-Type-Options": "nosniff",
            "Vary": "Accept",
        }

    def render(self, name: str, values: Mapping[str, Any], status: int = 200) -> Response:
        """A page."""
        text = self._templates.get_template(f"{name}.html").render(**self._common, **values)
        return Response(text, status, mimetype=_HTML, headers=self._headers)


def prefers_page(by_default: bool) -> bool:
    """Whether the client prefers HTML to JSON; `by_default`: that of one that says neither."""
    accepted = request.accept_mimetypes
    html, json = accepted[_HTML], accepted[_JSON]
    return by_default if html == json else html > json


def details(answer: Answer) -> dict[str, Any]:
    """An answer with titles, years, genres, what the user liked before, and reasons."""
    items = answer.snapshot.items

    def rated(each: Rated) -> dict[str, Any]:
        item = described(items[each.number])
        return {"item": item["item"], "title": item["title"], "year": item["year"],
                "rating": each.rating}  # fmt: skip

    recommended = zip(answer.numbers, answer.ratings, reasons(answer), strict=True)
    return {
        "user": answer.request.user,
        "recommendations": [
            {
                **described(items[number]),
                "rating": rating,
                "because": [rated(each) for each in because],
            }
            for number, rating, because in recommended
        ],
        "liked": [rated(each) for each in liked(answer.user, MOST_LIKED)],
        "n_rated": 0 if answer.user is None else len(answer.user.rated),
        "cold": answer.cold,
        "fallback": answer.recommender == FALLBACK,
        "recommender": answer.recommender,
        "model_version": answer.snapshot.version,
    }
