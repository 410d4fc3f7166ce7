"""The owner's page: behind the key, with figures, and what a visitor would see and why."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from flask import Flask

from ..shops import lines, send, shop_app

KEY = "k" * 20
BROWSER = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}


@pytest.fixture
def app(client: "redis.Redis", tmp_path: Path) -> Iterator[Flask]:
    app = shop_app(client, tmp_path)
    yield app
    app.extensions["botify"].stop()


def figures(app: Flask, path: str = "/shop") -> Any:
    status, found = send(app, path, method="GET", headers={"Accept": "application/json"})
    assert status == 200, found
    return found


def test_figures_are_those_of_the_log(app: Flask) -> None:
    send(app, "/events", {"user": "anna", "item": "a", "event": "view"})
    _, answered = send(app, "/recommendations?user_id=anna&k=2", method="GET")
    cart = {"user": "anna", "item": answered["recs"][0], "event": "addtocart"}
    send(app, "/events", [{**cart, "request": answered["request"]}, {**cart, "user": "bob"}])
    found = figures(app)["figures"]
    assert [step["events"] for step in found["funnel"]] == [1, 2, 0]
    assert (found["carts_through"], found["answers"]) == (1, 1)
    assert found["coverage"] == pytest.approx(2 / 7)


def test_a_visitor_is_shown_as_he_would_be_and_nothing_is_logged(
    app: Flask, tmp_path: Path
) -> None:
    send(app, "/events", {"user": "anna", "item": "a", "event": "view"})
    found = figures(app, "/shop?user=anna&k=3")["visitor"]
    assert [item["item"] for item in found["items"]] == ["b", "c", "d"]
    assert found["events"][0]["event"] == "view"
    assert not lines(tmp_path, "recommend")
    text = app.test_client().get("/shop?user=anna", headers=BROWSER).text
    assert "Nothing of this is logged" in text


def test_the_page_runs_nothing_and_escapes_what_it_shows(app: Flask) -> None:
    answer = app.test_client().get("/shop?user=<script>alert(1)</script>", headers=BROWSER)
    assert answer.status_code == 200
    assert "<script" not in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "No key is set" in answer.text


@pytest.fixture
def locked(client: "redis.Redis", tmp_path: Path) -> Iterator[Flask]:
    keys = tmp_path / "keys.txt"
    keys.write_text(KEY + "\n")
    app = shop_app(client, tmp_path, api_keys=keys)
    yield app
    app.extensions["botify"].stop()


def test_a_browser_is_asked_for_a_key(locked: Flask) -> None:
    client = locked.test_client()
    refused = client.get("/shop", headers=BROWSER)
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"].startswith("Basic ")
    assert "keys" in refused.text

    def status(scheme: str, key: str) -> int:
        given = key if scheme == "Bearer" else base64.b64encode(f"me:{key}".encode()).decode()
        headers = {**BROWSER, "Authorization": f"{scheme} {given}"}
        return client.get("/shop", headers=headers).status_code

    assert [status("Basic", KEY), status("Bearer", KEY)] == [200, 200]
    assert [status("Basic", KEY[1:]), status("Bearer", "wrong")] == [401, 401]
    event = json.dumps({"user": "anna", "item": "a", "event": "view"})
    basic = base64.b64encode(f"me:{KEY}".encode()).decode()
    # A browser sends it along from other sites' pages: enough to read, not to write.
    posted = client.post("/events", data=event, headers={"Authorization": f"Basic {basic}"})
    assert posted.status_code == 401


@pytest.mark.parametrize("query", ["days=3", "days=x", "k=0", "nothing=1", "user=a&user=b"])
def test_what_is_malformed_is_refused(app: Flask, query: str) -> None:
    client = app.test_client()
    assert client.get(f"/shop?{query}", headers=BROWSER).status_code == 400
    answer = client.get(f"/shop?{query}", headers={"Accept": "application/json"})
    assert (answer.status_code, "message" in (answer.json or {})) == (400, True)
