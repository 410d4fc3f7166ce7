"""Every error as JSON that says what to do, and counted."""

from collections.abc import Callable

from flask import Flask, Response, request
from flask_restful import Api
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from botify.api.json_response import answer

_IDS = {"next": "user", "last": "user", "track": "track"}
"""First words of the routes that end with an id, and of what."""


class JsonApi(Api):  # type: ignore[misc]  # flask_restful has no types
    """The routes of an application."""

    def __init__(self, app: Flask, refused: Callable[[str, int], None]) -> None:
        """`refused(route, status)` counts errors."""
        self._refused = refused
        super().__init__(app, catch_all_404s=True)
        # flask_restful leaves alone what goes wrong before there is a route.
        app.register_error_handler(HTTPException, self.handle_error)

    def handle_error(self, e: Exception) -> Response:
        """The answer to a request that was not served."""
        # By the first word of the route, not of the path, which may be anything.
        route = request.url_rule.rule.split("/")[1] if request.url_rule else "unknown"
        if not isinstance(e, HTTPException) or not e.code:
            self._refused(route, 500)
            response: Response = super().handle_error(e)
            return response
        self._refused(route, e.code)
        answered = answer({"message": self._message(e)}, e.code)
        if isinstance(e, MethodNotAllowed):
            answered.headers["Allow"] = ", ".join(_methods(e))
        return answered

    def _has_fr_route(self) -> bool:
        """All routes are of this API.

        flask_restful would match the path once more by another method, and not expect that a user
        in it may be refused.
        """
        return True

    def _message(self, error: HTTPException) -> str:
        if isinstance(error, MethodNotAllowed):
            return (
                f"{request.method} is not for {_shown(request.path)}: use {_list(_methods(error))}"
            )
        if not isinstance(error, NotFound):
            return error.description or error.name
        first, _, rest = request.path.removeprefix("/").partition("/")
        if (what := _IDS.get(first)) and self._has(first):
            return (
                f"{_shown(request.path)}: a {what} is a non-negative integer, as in /{first}/7"
                + (f", not {_shown(rest)!r}" if rest else "")
            )
        return f"there is no {_shown(request.path)} here; there are {', '.join(self._routes())}"

    def _has(self, first: str) -> bool:
        return any(rule.rule.startswith(f"/{first}/") for rule in self.app.url_map.iter_rules())

    def _routes(self) -> list[str]:
        found = []
        for rule in self.app.url_map.iter_rules():
            path = rule.rule.replace("<natural:", "<").replace("<user:", "<")
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
