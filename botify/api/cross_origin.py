"""Which pages of browsers may ask, and under which names of this service.

A page of any site can make a browser post to a service on the same machine or network; it cannot
keep the browser from saying whose page it is (`Origin`, https://www.rfc-editor.org/rfc/rfc6454).
"""

import ipaddress
from collections.abc import Sequence
from functools import partial
from urllib.parse import urlsplit

from flask import Response, after_this_request, request
from werkzeug.exceptions import Forbidden, UnsupportedMediaType

_PLAIN = ("text/", "application/x-www-form-urlencoded", "multipart/")
"""What a page can post to other sites without their leave."""
_BEFOREHAND = {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "Content-Type, X-Botify-Experiments",
    "Access-Control-Max-Age": "600",
}
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Callers:
    """Refuses requests; those that no browser's page makes pass, unless `hosts` are given."""

    def __init__(
        self, host: str, origins: Sequence[str] = (), hosts: Sequence[str] | None = None
    ) -> None:
        """`origins` may ask besides the service's own pages; "*" stands for all.

        `hosts` are the names, without port, under which the service may be asked. None: any, but
        its own pages count as such only under an address, `localhost` or `host`, the address it
        listens on, where that is a loopback address: another name for it may be an attacker's.
        """
        self._origins = frozenset(origin.lower().rstrip("/") for origin in origins)
        self._hosts = None if hosts is None else frozenset(map(str.lower, hosts))
        self._local = host if _is_loopback(host) else None

    def check(self) -> Response | None:
        """For `before_request`. Raises Forbidden, UnsupportedMediaType.

        Tells browsers that a page of an allowed origin may see the answer, and answers them when
        they ask beforehand; see https://fetch.spec.whatwg.org/#http-cors-protocol.
        """
        environ = request.environ
        origin = environ.get("HTTP_ORIGIN")
        if origin is None and self._hosts is None:
            return None
        host = environ.get("HTTP_HOST", "")
        name, _ = _split(f"//{host}")
        if self._hosts is not None and name not in self._hosts:
            raise Forbidden(f"Host: {host} is not one of `allowed_hosts` in the service's config")
        if origin is None:
            return None
        if self._is_allowed(origin):
            after_this_request(partial(_show, origin))
            if request.method == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ:
                return Response(status=204, headers=_BEFOREHAND)
        elif not self._is_own_page(origin, host):
            raise Forbidden(
                f"pages of {origin or 'an unknown origin'} may not ask this service; add it to "
                "`allowed_origins` in the service's config if they should"
            )
        kind = environ.get("CONTENT_TYPE", "").lower()
        if kind.startswith(_PLAIN):
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
            return True  # looked at already, or meant for other machines
        ours = ("localhost", self._local)
        return name in ours or name.endswith(".localhost") or _is_address(name)


def _show(origin: str, response: Response) -> Response:
    response.headers["Access-Control-Allow-Origin"] = origin
    response.vary.add("Origin")
    return response


def _split(url: str) -> tuple[str, int | None]:
    """Name and port; an empty name where it is no such thing."""
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
