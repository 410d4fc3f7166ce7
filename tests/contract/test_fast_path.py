"""Plain requests are answered without Flask, and nobody can see that."""

import http.client
import json
from collections.abc import Callable
from typing import Any

import pytest

from botify.api.fast_path import FastPath

Serve = Callable[..., Any]
PLAY = b'{"track": 1, "time": 0.5}'
SEEDED = {"workers": 1, "seed": 7}


class _Spy:
    """Stands where the service is, to see what is left to Flask."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []
        self.errors: list[tuple[str, int]] = []

    def refused(self, route: str, status: int) -> None:
        self.errors.append((route, status))

    def next(self, user: int, *_: object) -> int:
        self.asked.append(("next", user))
        return 3

    def last(self, user: int, *_: object) -> None:
        self.asked.append(("last", user))


@pytest.fixture
def spy() -> _Spy:
    return _Spy()


@pytest.fixture
def fast(spy: _Spy) -> FastPath:
    return FastPath(spy, 10, 20, spy.refused)  # type: ignore[arg-type]


def test_a_plain_play_is_answered(fast: FastPath, spy: _Spy) -> None:
    assert fast("POST", "/next/007", {}, PLAY) == b'{"user":7,"track":3}'
    assert fast("POST", "/last/" + "9" * 20, {}, PLAY) == b'{"user":' + b"9" * 20 + b"}"
    assert spy.asked == [("next", 7), ("last", int("9" * 20))]


@pytest.mark.parametrize(
    ("method", "path", "headers", "body"),
    [
        ("GET", "/next/7", {}, PLAY),
        ("POST", "/next/7/", {}, PLAY),
        ("POST", "/next/7\n", {}, PLAY),
        ("POST", "//next/7", {}, PLAY),
        ("POST", "/next/٧", {}, PLAY),
        ("POST", "/next/-7", {}, PLAY),
        ("POST", "/next/" + "9" * 21, {}, PLAY),
        ("POST", "/track/7", {}, PLAY),
        ("POST", "/next/7", {"origin": "https://example.org"}, PLAY),
        ("POST", "/next/7", {"x-botify-experiments": "A=T1"}, PLAY),
        ("POST", "/next/7", {}, b""),
        ("POST", "/next/7", {}, b'{"track": 10, "time": 1}'),
    ],
)
def test_everything_else_is_left_to_flask(
    fast: FastPath, spy: _Spy, method: str, path: str, headers: dict[str, str], body: bytes
) -> None:
    assert fast(method, path, headers, body) is None
    assert spy.asked == []


def test_an_error_of_the_service_is_counted(
    fast: FastPath, spy: _Spy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(_Spy, "next")
    with pytest.raises(AttributeError):
        fast("POST", "/next/7", {}, PLAY)
    assert spy.errors == [("next", 500)]


@pytest.mark.integration
def test_both_ways_give_the_same_answers_headers_and_lines(serve: Serve) -> None:
    found, logs = [], []
    for by_flask in (False, True):
        served = serve(SEEDED)
        host = served.url.removeprefix("http://")
        # A page of the service itself may ask; requests with an origin go through Flask.
        headers = {"Origin": served.url} if by_flask else {}
        connection = http.client.HTTPConnection(host, timeout=30)
        answers = []
        for route, user, body in (
            ("next", 1, PLAY),
            ("next", 1, b'{"track": 2, "time": 1, "exclude": [3, 4]}'),
            ("next", 2, PLAY),
            ("last", 1, PLAY),
            ("next", 2, b"{}"),
            ("last", 2, b'{"track": 1, "time": 0}'),
        ):
            connection.request("POST", f"/{route}/{user}", body, headers)
            response = connection.getresponse()
            fields = {name.lower(): value for name, value in response.getheaders()}
            fields.pop("date", None)
            answers.append((response.status, fields, response.read()))
        connection.close()
        found.append(answers)
        assert served.stop() == 0
        logs.append([json.dumps(_without_time(event)) for event in served.log()])
    assert found[0] == found[1]
    assert logs[0] == logs[1]


def _without_time(event: dict[str, Any]) -> dict[str, Any]:
    own = ("timestamp", "latency", "session", "run")
    return {name: value for name, value in event.items() if name not in own}
