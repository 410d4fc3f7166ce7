"""Requests to /reco and /recs: query, form and JSON, right and wrong."""

from typing import Any

import pytest

from botify.errors import InputError
from botify.ratings.request import RatingRequest, parse_page, parse_reco


def reco(
    query: dict[str, list[str]] | None = None,
    form: dict[str, list[str]] | None = None,
    body: bytes = b"",
) -> RatingRequest:
    return parse_reco((query or {}).items(), (form or {}).items(), body)


def test_the_parts_of_a_request_say_the_same() -> None:
    asked = RatingRequest("40", 5)
    pairs = {"UsrID": ["40"], "n_recos": ["5"]}
    assert reco(pairs) == reco(None, pairs) == asked
    assert reco(None, None, b'{"UsrID": 40, "n_recos": 5}') == asked
    assert reco({"UsrID": ["40"]}, {"n_recos": ["5"]}) == asked
    assert reco(pairs, pairs, b'{"UsrID": "40", "n_recos": 5}') == asked
    assert reco({"UsrID": ["40"]}).n == 10


@pytest.mark.parametrize("user", ["abc", "-5", "1" + "0" * 30, "007", "a/b", "ü"])
def test_any_owners_id_is_a_user(user: str) -> None:
    assert reco({"UsrID": [user]}).user == user
    assert parse_page({"user_id": [user]}.items()).user == user


def test_ratings_are_of_a_json_body() -> None:
    found = reco(None, None, b'{"UsrID": 1, "ratings": {"2571": 4.5, "7": 1}}')
    assert found.ratings == {"2571": 4.5, "7": 1.0}
    with pytest.raises(InputError, match="unknown parameter 'ratings': the query may have"):
        reco({"UsrID": ["1"], "ratings": ["{}"]})


@pytest.mark.parametrize(
    ("query", "body", "message"),
    [
        ({}, b"", "`UsrID` is missing"),
        ({"UsrID": [""]}, b"", "`UsrID` must be a text of 1 to 255"),
        ({"UsrID": ["x" * 256]}, b"", "`UsrID` must be"),
        ({"UsrID": ["a\nb"]}, b"", "`UsrID` must be"),
        ({"UsrID": ["\ufffd"]}, b"", "`UsrID` must be UTF-8"),
        ({"UsrID": ["1", "2"]}, b"", "`UsrID` is there twice"),
        ({"UsrID": ["1"], "top": ["5"]}, b"", "unknown parameter 'top'"),
        ({"UsrID": ["1"]}, b'{"UsrID": 2}', "`UsrID` differs in two parts"),
        *(
            ({"UsrID": ["1"], "n_recos": [n]}, b"", "`n_recos` must be an integer from 1 to 1,000")
            for n in ("0", "1001", "1000000000", "-1", "1.5", "abc", "", "9" * 5000)
        ),
        ({}, b'{"UsrID": 1.5}', "`UsrID` must be"),
        ({}, b'{"UsrID": true}', "`UsrID` must be"),
        ({}, b'{"UsrID": null}', "`UsrID` is missing"),
        ({}, b'{"UsrID": [1]}', "`UsrID` must be"),
        ({}, b'{"UsrID": 1, "n_recos": 1e9}', "`n_recos` must be"),
        ({}, b'{"UsrID": 1', "the body: cut off after 11 characters"),
        ({}, b"[1]", "the body must be a JSON object"),
        ({}, b'{"UsrID": 1, "ratings": [5]}', "`ratings` must be an object"),
        ({}, b'{"UsrID": 1, "ratings": {"7": "5"}}', "`ratings`: that of '7' must be a number"),
        ({}, b'{"UsrID": 1, "ratings": {"": 5}}', "`ratings`: an item must be a text of 1 to"),
        ({}, b'{"UsrID": 1, "ratings": {"7": NaN}}', "`ratings`: that of '7' must be a number"),
    ],
)
def test_what_is_refused(query: dict[str, list[str]], body: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        reco(query, None, body)


def test_the_page_has_defaults_and_bounds() -> None:
    assert parse_page({}.items()) == RatingRequest("100", 50)
    wrong: list[dict[str, Any]] = [{"top": ["0"]}, {"n": ["1"]}, {"user_id": [""]}]
    for query in wrong:
        with pytest.raises(InputError):
            parse_page(query.items())
