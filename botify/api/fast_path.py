"""`POST /next` and `/last` without Flask, where what Flask would do with them is known.

Routing, a request object and a response object cost more than the answer itself. What is not
plain (another route, a malformed play, a page's request, a forced treatment) is left to Flask,
which alone refuses requests: nothing has been done about them by then.
"""

import re
from collections.abc import Callable
from time import perf_counter
from typing import Any

from botify.api.forcing import FORCED_HEADER
from botify.api.resources import HANDLERS
from botify.errors import InputError
from botify.files.jsonlines import encode
from botify.plays import parse_play
from botify.service import Service

_FORCED = FORCED_HEADER.lower()


class FastPath:
    """Answers plain requests; the others are for the application."""

    def __init__(
        self, service: Service, n_tracks: int, max_digits: int, refused: Callable[[str, int], None]
    ) -> None:
        """Users have at most `max_digits` digits, tracks are below `n_tracks`.

        `refused(route, status)` counts errors.
        """
        self._service = service
        self._refused = refused
        self._n_tracks = n_tracks
        routes = "|".join(HANDLERS)
        self._path = re.compile(rf"/({routes})/([0-9]{{1,{max_digits}}})", re.ASCII)

    def __call__(self, method: str, path: str, headers: Any, body: bytes) -> bytes | None:
        """The JSON of a 200, or None if the request is not plain. `headers` has lower-case names.

        Raises what the service raises.
        """
        if method != "POST" or (found := self._path.fullmatch(path)) is None:
            return None
        if "origin" in headers or _FORCED in headers:
            return None
        started = perf_counter()
        try:
            play = parse_play(body, self._n_tracks)
        except InputError:
            return None
        route = found[1]
        try:
            return encode(HANDLERS[route](self._service, int(found[2]), play, {}, started))
        except Exception:
            self._refused(route, 500)
            raise
