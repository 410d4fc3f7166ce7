"""Finds the service: the first address of its host that answers `GET /`."""

import socket
from selectors import DefaultSelector
from time import monotonic

import orjson

from sim.errors import InputError
from sim.remote.http_connection import Address, Connection, request
from sim.remote.http_parser import NotHttpError, Reply
from sim.remote.service_options import ServiceOptions


def find_service(service: ServiceOptions) -> Address:
    """The address to connect to. Raises InputError that names the service if nothing answers."""
    reason: Exception | None = None
    for address in _addresses(service):
        try:
            reply = _ask(address, service)
        except OSError as error:
            reason = error
        except NotHttpError as error:
            raise InputError(f"{service.url}/: {error}") from error
        else:
            _check(reply, service)
            return address
    raise _unanswered(service, reason)


def _addresses(service: ServiceOptions) -> list[Address]:
    try:
        found = socket.getaddrinfo(service.host, service.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # an invalid host name is a UnicodeError
        raise _unanswered(service, error) from error
    return [Address(family, where) for family, _, _, _, where in found]


def _ask(address: Address, service: ServiceOptions) -> Reply:
    deadline = monotonic() + service.timeout_seconds
    with DefaultSelector() as selector:
        connection = Connection(address, selector, 0)
        try:
            connection.send(request("GET", "/", service.authority))
            while (left := deadline - monotonic()) > 0:
                if selector.select(left) and (reply := connection.receive()) is not None:
                    return reply
        finally:
            connection.close()
    raise TimeoutError(f"not within {service.timeout_seconds:g} s")


def _check(reply: Reply, service: ServiceOptions) -> None:
    try:
        alive = reply.status == 200 and isinstance(orjson.loads(reply.body), dict)
    except ValueError:
        alive = False
    if not alive:
        raise InputError(
            f"{service.url}/: answered {reply.status} {reply.body[:200]!r}, "
            f"200 and a JSON object were expected"
        )


def _unanswered(service: ServiceOptions, reason: Exception | None) -> InputError:
    return InputError(
        f"{service.url}/: no answer ({reason}): is the service running? `make serve` starts it"
    )
