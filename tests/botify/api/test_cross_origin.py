"""Which pages may ask, and under which names."""

import pytest
from flask import Flask
from werkzeug.exceptions import HTTPException

from botify.api.cross_origin import CrossOriginPolicy

LOCAL, PUBLIC = "127.0.0.1", "0.0.0.0"


def status(policy: CrossOriginPolicy, **headers: str) -> int:
    """What a POST with these headers (HOST="a" is Host: a) is answered."""
    environ = {
        key if key == "CONTENT_TYPE" else f"HTTP_{key}": value for key, value in headers.items()
    }
    with Flask("test").test_request_context("/next/7", method="POST", environ_overrides=environ):
        try:
            policy.check()
        except HTTPException as error:
            return error.code or 0
    return 200


@pytest.mark.parametrize("host", ["localhost:5001", "x", "recommender:5001", "[::1]:5001", ""])
@pytest.mark.parametrize("kind", ["application/json", "text/plain", "application/octet-stream"])
def test_clients_that_are_no_pages_may_ask_as_they_like(host: str, kind: str) -> None:
    for where in (LOCAL, PUBLIC):
        assert status(CrossOriginPolicy(where), HOST=host, CONTENT_TYPE=kind) == 200


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:5001", "http://localhost:5001"),
        ("LOCALHOST:5001", "http://localhost:5001"),
        ("127.0.0.1:5001", "http://127.0.0.1:5001"),
        ("[::1]:5001", "http://[::1]:5001"),
        ("192.168.0.7", "http://192.168.0.7"),
        ("botify.localhost:5001", "http://botify.localhost:5001"),
    ],
)
def test_a_services_own_pages_may_ask(host: str, origin: str) -> None:
    assert status(CrossOriginPolicy(LOCAL), HOST=host, ORIGIN=origin) == 200


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://evil.example:5001",
        "https://localhost.evil.example:5001",
        "http://localhost:5002",
        "http://localhost",
        "null",
        "",
        "http://localhost:5001,http://evil.example",
        "http://localhost:5001@evil.example",
        "http://localhost:port",
        "file://",
    ],
)
@pytest.mark.parametrize("where", [LOCAL, PUBLIC])
def test_pages_of_others_may_not(where: str, origin: str) -> None:
    assert status(CrossOriginPolicy(where), HOST="localhost:5001", ORIGIN=origin) == 403


def test_a_name_that_an_attacker_points_to_this_machine_makes_no_own_page() -> None:
    rebound = {"HOST": "evil.example:5001", "ORIGIN": "http://evil.example:5001"}
    assert status(CrossOriginPolicy(LOCAL), **rebound) == 403
    # Meant for other machines, it has names that nobody told it of.
    assert status(CrossOriginPolicy(PUBLIC), **rebound) == 200
    assert status(CrossOriginPolicy(LOCAL, hosts=["evil.example"]), **rebound) == 200


def test_behind_a_server_that_ends_tls() -> None:
    page = {"HOST": "player.example", "ORIGIN": "https://player.example"}
    assert status(CrossOriginPolicy(PUBLIC), **page) == 200
    assert (
        status(CrossOriginPolicy(PUBLIC), HOST="recommenders", ORIGIN="https://player.example")
        == 403
    )


def test_other_pages_may_ask_where_the_config_says_so() -> None:
    policy = CrossOriginPolicy(LOCAL, ["https://Player.example/"])
    host = "localhost:5001"
    assert status(policy, HOST=host, ORIGIN="https://player.example") == 200
    assert status(policy, HOST=host, ORIGIN="http://player.example") == 403
    assert status(CrossOriginPolicy(LOCAL, ["*"]), HOST=host, ORIGIN="null") == 200


def test_named_hosts_are_the_only_ones() -> None:
    policy = CrossOriginPolicy(LOCAL, hosts=["Botify.example", "::1"])
    assert status(policy, HOST="botify.example:5001") == 200
    assert status(policy, HOST="[::1]:5001") == 200
    assert status(policy, HOST="localhost:5001") == 403
    assert status(policy, HOST="") == 403


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("text/plain", 415),
        ("text/plain;charset=UTF-8", 415),
        ("Multipart/form-data; boundary=x", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
    ],
)
def test_pages_send_json_as_such(kind: str, expected: int) -> None:
    origin = {"HOST": "localhost:5001", "ORIGIN": "http://localhost:5001"}
    assert status(CrossOriginPolicy(LOCAL), CONTENT_TYPE=kind, **origin) == expected
