"""Pages for people: what they say, and that nothing of the data runs in them."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from ...published import TITLE, ratings

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


class _Tags(HTMLParser):
    """Counts tags, and collects links."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "action")]


def page(app: Flask, path: str, accept: str | None = None) -> tuple[int, str]:
    headers = {**BROWSER, **({"Accept": accept} if accept else {})}
    answer = app.test_client().get(path, headers=headers)
    assert answer.mimetype == "text/html"
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script" not in policy
    return answer.status_code, answer.text


def details(app: Flask, path: str) -> Any:
    return app.test_client().get(path, headers={"Accept": "application/json"}).json


@pytest.mark.parametrize(
    "path", ["/", "/recs?user_id=10&top=15", "/recs?user_id=new", "/recs?top=0"]
)
def test_pages_need_no_network_and_no_script(app: Flask, path: str) -> None:
    _, text = page(app, path)
    tags = _Tags(text)
    assert "script" not in tags.tags
    assert all(link.startswith("/") or link == "data:," for link in tags.links)
    assert "viewport" in text


def test_a_title_is_text_and_nothing_else(app: Flask) -> None:
    _, text = page(app, "/recs?user_id=0&top=50")  # item 3 is among what is left for user 0
    assert TITLE not in text
    assert "&lt;/script&gt;&lt;script&gt;" in text
    _, text = page(app, "/recs?user_id=%3Cscript%3Ealert(1)%3C/script%3E")
    assert "<script>" not in text


def test_the_welcome_page_counts_its_visits(app: Flask) -> None:
    _, text = page(app, "/")
    assert "1 visit to this page" in text
    assert 'href="/recs?user_id=10&amp;top=15"' in text
    assert "60 users, 40 items" in text
    app.test_client().get("/")  # a program: JSON, and no visit
    assert "2 visits to this page" in page(app, "/")[1]


@pytest.mark.parametrize(
    ("path", "accept", "kind"),
    [
        ("/", None, "application/json"),
        ("/", "*/*", "application/json"),
        ("/", "text/html", "text/html"),
        ("/recs", None, "text/html"),
        ("/recs", "*/*", "text/html"),
        ("/recs", "application/json", "application/json"),
        ("/recs", "text/html;q=0.1,application/json", "application/json"),
    ],
)
def test_what_a_client_gets_by_what_it_accepts(
    app: Flask, path: str, accept: str | None, kind: str
) -> None:
    headers = {} if accept is None else {"Accept": accept}
    assert app.test_client().get(path, headers=headers).mimetype == kind


def test_a_page_tells_titles_years_genres_and_what_was_liked(app: Flask) -> None:
    found = details(app, "/recs?user_id=10&top=15")
    plain = app.test_client().get("/reco?UsrID=10&n_recos=15").json
    assert [item["item"] for item in found["recommendations"]] == plain["items"]
    assert [item["rating"] for item in found["recommendations"]] == plain["ratings"]
    for item in found["recommendations"]:
        number = int(item["item"])
        if number not in (3, 39):
            assert (item["title"], item["year"]) == (f"Film {number}", 1950 + number)
        assert item["genres"] == (["Drama", "War"] if number % 2 else ["Comedy"])
    rated = ratings()[10]
    given = {str(item): value for item, value in zip(rated.indices, rated.data, strict=True)}
    assert found["n_rated"] == len(given)
    liked = found["liked"]
    assert [item["rating"] for item in liked] == sorted(given.values(), reverse=True)[:10]
    assert all(given[item["item"]] == item["rating"] for item in liked)
    _, text = page(app, "/recs?user_id=10&top=15")
    for item in found["recommendations"]:
        if int(item["item"]) not in (3, 39):
            assert item["title"] in text
    assert "Liked before" in text


def test_every_reason_is_an_item_that_the_user_rated_well(app: Flask) -> None:
    found = details(app, "/recs?user_id=10&top=15")
    rated = ratings()[10]
    given = {str(item): value for item, value in zip(rated.indices, rated.data, strict=True)}
    told = [reason for item in found["recommendations"] for reason in item["because"]]
    assert len(told) > 10
    assert all(reason["rating"] == given[reason["item"]] for reason in told)
    assert min(reason["rating"] for reason in told) > 2
    assert re.search(
        r"because of <b>Film \d+</b> \(rated [\d.]+\)", page(app, "/recs?user_id=10")[1]
    )


def test_a_page_says_when_it_is_for_nobody_in_particular(
    make: Callable[..., Flask], stores: Path
) -> None:
    app = make()
    assert "does not know user 888" in page(app, "/recs?user_id=888")[1]
    (stores / "four" / "users").rename(stores / "gone")
    app.extensions["botify"]._round()
    assert "store of users is unavailable" in page(app, "/recs?user_id=10")[1]


def test_an_error_is_a_page_for_browsers(app: Flask) -> None:
    status, text = page(app, "/recs?user_id=10&top=0")
    assert status == 400
    assert "`top` must be an integer from 1 to 1,000" in text
