"""Errors as JSON messages that say what to change, and their count."""

import re
from collections.abc import Callable

from flask import Flask, Response, request
from flask_restful import Api
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, Unauthorized

from botify.api.json_response import json_response

_CONVERTER = re.compile(r"<\w+:")
_IDS = {"next": "user", "last": "user", "track": "track"}
"""The routes that end with an id, by first word; and the id's name."""


class JsonApi(Api):  # type: ignore[misc]  # flask_restful has no types
    """The routes of an application."""

    def __init__(self, app: Flask, refused: Callable[[str, int], None]) -> None:
        """`refused(route, status)` counts errors."""
        self._refused = refused
        super().__init__(app, catch_all_404s=True)
        # flask_restful does not handle errors before routing.
        app.register_error_handler(HTTPException, self.handle_error)

    def handle_error(self, e: Exception) -> Response:
        """The response to a request that failed."""
        # The first word of the route; that of the path may be anything.
        route = request.url_rule.rule.split("/")[1] if request.url_rule else "unknown"
        if not isinstance(e, HTTPException) or not e.code:
            self._refused(route, 500)
            response: Response = super().handle_error(e)
            return response
        self._refused(route, e.code)
        answered = json_response({"message": self._message(e)}, e.code)
        if isinstance(e, MethodNotAllowed):
            answered.headers["Allow"] = ", ".join(_methods(e))
        if isinstance(e, Unauthorized):
            answered.headers["WWW-Authenticate"] = "Bearer"
        return answered

    def _has_fr_route(self) -> bool:
        """All routes belong to this API.

        flask_restful would match the path again, by a method that does not expect that a converter
        may refuse the user in it.
        """
        return True

    def _message(self, error: HTTPException) -> str:
        if isinstance(error, MethodNotAllowed):
            use = _list(_methods(error))
            return f"{_shown(request.path)} does not allow {request.method}: use {use}"
        if not isinstance(error, NotFound):
            return error.description or error.name
        first, _, rest = request.path.removeprefix("/").partition("/")
        if (what := _IDS.get(first)) and self._has(first):
            return (
                f"{_shown(request.path)}: a {what} is a non-negative integer, as in /{first}/7"
                + (f", not {_shown(rest)!r}" if rest else "")
            )
        return f"there is no {_shown(request.path)}; the routes are {', '.join(self._routes())}"

    def _has(self, first: str) -> bool:
        return any(rule.rule.startswith(f"/{first}/") for rule in self.app.url_map.iter_rules())

    def _routes(self) -> list[str]:
        found = []
        for rule in self.app.url_map.iter_rules():
            path = _CONVERTER.sub("<", rule.rule)
            found += [f"{method} {path}" for method in sorted(_own(rule.methods or ()))]
        return found


def _methods(error: MethodNotAllowed) -> list[str]:
    return sorted(error.valid_methods or ())


def _own(methods: "set[str] | tuple[str, ...]") -> set[str]:
    return set(methods) - {"HEAD", "OPTIONS"}


def _list(methods: list[str]) -> str:
    return " or ".join(sorted(_own(set(methods))))


def _shown(path: str) -> str:
    return path if len(path) <= 60 else f"{path[:57]}..."
