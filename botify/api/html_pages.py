"""Pages of the service: HTML that needs no script and no other host."""

import base64
import hashlib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from flask import Response, request
from jinja2 import Environment, PackageLoader
from markupsafe import Markup

_JSON, _HTML = "application/json", "text/html"


class Pages:
    """Renders templates; their only style is allowed by its hash."""

    def __init__(self, common: Mapping[str, Any] | None = None) -> None:
        """`common`: values that all pages have."""
        loader = PackageLoader("botify.api", "pages")
        self._templates = Environment(loader=loader, autoescape=True, trim_blocks=True)
        style = files("botify.api").joinpath("pages", "page.css").read_text("utf-8")
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        self._common = {"style": Markup(style), **(common or {})}
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
