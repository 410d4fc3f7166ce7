"""Which web pages may send requests, and under which host names of this service.

A page of any site can make a browser post to a service on the same machine or network; but the
browser always adds the page's origin (`Origin`, https://www.rfc-editor.org/rfc/rfc6454).
"""

import ipaddress
from collections.abc import Sequence
from functools import partial
from urllib.parse import urlsplit

from flask import Response, after_this_request, request
from werkzeug.exceptions import Forbidden, UnsupportedMediaType

_SIMPLE_TYPES = ("text/", "application/x-www-form-urlencoded", "multipart/")
"""Content types that a page may post to other sites without a preflight request."""
_PREFLIGHT_HEADERS = {
    "Access-Control-Allow-Methods": "GET, POST, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, X-Botify-Experiments",
    "Access-Control-Max-Age": "600",
}
_DEFAULT_PORTS = {"http": 80, "https": 443}


class CrossOriginPolicy:
    """Refuses requests of web pages; requests of other clients pass, unless `hosts` are given."""

    def __init__(
        self, host: str, origins: Sequence[str] = (), hosts: Sequence[str] | None = None
    ) -> None:
        """`origins`: allowed besides the service's own pages; "*" stands for all.

        `hosts`: the names, without port, that requests may use for the service. None: any; but if
        `host`, the address it listens on, is a loopback address, pages count as its own only under
        an IP address, `localhost` or `host`: another name may belong to an attacker (DNS
        rebinding).
        """
        self._origins = frozenset(origin.lower().rstrip("/") for origin in origins)
        self._hosts = None if hosts is None else frozenset(map(str.lower, hosts))
        self._local = host if _is_loopback(host) else None

    def check(self) -> Response | None:
        """For `before_request`. Raises Forbidden, UnsupportedMediaType.

        Lets pages of an allowed origin read the response, and answers preflight requests; see
        https://fetch.spec.whatwg.org/#http-cors-protocol.
        """
        environ = request.environ
        origin = environ.get("HTTP_ORIGIN")
        if origin is None and self._hosts is None:
            return None
        host = environ.get("HTTP_HOST", "")
        name, _ = _split(f"//{host}")
        if self._hosts is not None and name not in self._hosts:
            raise Forbidden(f"Host: {host} is not in `allowed_hosts` of the service's config")
        if origin is None:
            return None
        if self._is_allowed(origin):
            after_this_request(partial(_allow_reading, origin))
            if request.method == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ:
                return Response(status=204, headers=_PREFLIGHT_HEADERS)
        elif not self._is_own_page(origin, host):
            raise Forbidden(
                f"pages of {origin or 'an unknown origin'} may not use this service; to allow "
                "them, add the origin to `allowed_origins` in the service's config"
            )
        kind = environ.get("CONTENT_TYPE", "").lower()
        if kind.startswith(_SIMPLE_TYPES):
            raise UnsupportedMediaType("pages must send JSON as Content-Type: application/json")
        return None

    def _is_allowed(self, origin: str) -> bool:
        return "*" in self._origins or origin.lower() in self._origins

    def _is_own_page(self, origin: str, host: str) -> bool:
        name, port = _split(origin)
        ours, our_port = _split(f"{origin.partition(':')[0]}://{host}")
        return bool(name) and (name, port) == (ours, our_port) and self._is_ours(name)

    def _is_ours(self, name: str) -> bool:
        if self._hosts is not None or self._local is None:
            return True  # checked before, or meant for other machines
        ours = ("localhost", self._local)
        return name in ours or name.endswith(".localhost") or _is_address(name)


def _allow_reading(origin: str, response: Response) -> Response:
    response.headers["Access-Control-Allow-Origin"] = origin
    response.vary.add("Origin")
    return response


def _split(url: str) -> tuple[str, int | None]:
    """Name and port; an empty name if the URL is malformed."""
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return "", None
    return (parts.hostname or ""), port


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)
