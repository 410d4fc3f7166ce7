"""What a request may say, and what is refused instead of being ignored."""

from typing import Any

import pytest

from botify.errors import InputError
from botify.shop.request import ItemRequest, parse_request


def parse(query: dict[str, str], body: str = "") -> ItemRequest:
    return parse_request({key: [value] for key, value in query.items()}, body.encode())


@pytest.mark.parametrize(
    ("query", "body", "expected"),
    [
        ({"user_id": "1", "k": "5"}, "", ItemRequest("1", 5)),
        ({"user_id": "Anna Ö"}, "", ItemRequest("Anna Ö")),
        ({"user_id": "07"}, '{"k": 3}', ItemRequest("07", 3)),
        ({}, '{"user_id": 12345678901234567890123}', ItemRequest("12345678901234567890123")),
        ({"user_id": "7"}, '{"user_id": 7, "k": null}', ItemRequest("7")),
        ({"user_id": "u"}, '{"exclude": ["a", 7, "a"]}', ItemRequest("u", exclude=("a", "7"))),
        (
            {"user_id": "u"},
            '{"items": ["a"], "session": "s"}',
            ItemRequest("u", items=("a",), session="s"),
        ),
    ],
)
def test_requests(query: dict[str, str], body: str, expected: ItemRequest) -> None:
    assert parse(query, body) == expected


@pytest.mark.parametrize(
    ("query", "body", "message"),
    [
        ({}, "", "`user_id` is missing"),
        ({"user_id": ""}, "", "`user_id` must be"),
        ({"user_id": "a\x00"}, "", "`user_id` must be"),
        ({"user_id": "x" * 256}, "", "`user_id` must be"),
        ({"user_id": "a\ufffd"}, "", "UTF-8"),
        ({"user_id": "u", "k": "0"}, "", "`k` must be an integer from 1 to 1,000"),
        ({"user_id": "u", "k": "1001"}, "", "`k` must be"),
        ({"user_id": "u", "k": "5.0"}, "", "`k` must be"),
        ({"user_id": "u", "k": "٣"}, "", "`k` must be"),
        ({"user_id": "u"}, '{"k": true}', "`k` must be"),
        ({"user_id": "u", "n": "5"}, "", "unknown parameter 'n'"),
        ({"user_id": "u"}, '{"category": []}', "`category` must be a category, or a list"),
        ({"user_id": "u"}, '{"category": {"id": 1}}', "`category` must be"),
        ({"user_id": "u"}, '{"price": 5}', "`price` must be"),
        ({"user_id": "u"}, '{"price": {}}', "`price` must be"),
        ({"user_id": "u"}, '{"price": {"from": 5}}', "`price` must be"),
        ({"user_id": "u"}, '{"price": {"min": -1}}', "not negative"),
        ({"user_id": "u"}, '{"price": {"max": NaN}}', "not negative"),
        ({"user_id": "u"}, '{"price": {"min": 2, "max": 1}}', "`min` is above `max`"),
        ({"user_id": "u"}, '{"reminders": 1}', "`reminders` must be true or false"),
        ({"user_id": "u"}, '{"brand": "shoes"}', "unknown key 'brand'"),
        ({"user_id": "u"}, '{"exlude": ["a"]}', "unknown key 'exlude'"),
        ({"user_id": "u"}, '{"exclude": "a"}', "`exclude` must be a list"),
        ({"user_id": "u"}, '{"exclude": [1.5]}', "`exclude`: an item must be"),
        ({"user_id": "u"}, '{"items": [null]}', "`items`: an item must be"),
        ({"user_id": "u"}, '{"user_id": "v"}', "`user_id` differs"),
        ({"user_id": "u", "k": "5"}, '{"k": 6}', "`k` differs"),
        ({"user_id": "u"}, '{"k": 5, "k": 6}', "the body: the key 'k' is there twice"),
        ({"user_id": "u"}, "[]", "must be a JSON object"),
        ({"user_id": "u"}, "user_id=1", "not JSON"),
        ({"user_id": "u"}, '{"session": 1.5}', "`session` must be"),
        ({"user_id": 1.5}, "", "`user_id` must be"),
    ],
)
def test_refusals(query: dict[str, Any], body: str, message: str) -> None:
    with pytest.raises(InputError) as refusal:
        parse(query, body)
    assert message in str(refusal.value)


def test_a_parameter_that_comes_twice() -> None:
    with pytest.raises(InputError, match="`user_id` is there twice"):
        parse_request({"user_id": ["a", "b"]}, b"")
