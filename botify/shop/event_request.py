"""Events of visitors from the body of a request."""

from collections.abc import Collection

import orjson

from botify.errors import InputError
from botify.request_values import REPLACEMENT
from contract.errors import FormatError
from contract.jsonlines import parse_line
from contract.shop_events import REQUEST_KEYS, ShopEvent, parse_shop_event

MAX_EVENTS = 10_000
"""Of one request."""
_KEYS = frozenset(REQUEST_KEYS)


def parse_events(body: bytes, kinds: Collection[str]) -> list[ShopEvent]:
    """The events of a body: one object, or a list of them. Raises InputError, which names the
    first that is wrong; unknown keys are wrong too, as a misspelt one would go unnoticed.

    `kinds`: the kinds of event that the service takes.
    """
    try:
        value = orjson.loads(body)
        # Of a repeated key, orjson keeps the last alone: then there are more colons than keys.
        if body.count(b":") == _keys_of(value):
            return _parsed(value, kinds)
    except (ValueError, InputError, RecursionError):
        pass  # orjson reads integers beyond 64 bits, which are ids too, as floats
    return _parsed(body_of(body), kinds)


def body_of(body: bytes) -> object:
    """The JSON value of a body, in which no object has a key twice. Raises InputError."""
    try:
        return parse_line(body, repeats=False)
    except (FormatError, RecursionError) as error:
        raise InputError(f"the body: {error}") from error


def rows_of(value: object, most: int, what: str) -> list[object]:
    """The objects of a body that is one, or a list of them. Raises InputError."""
    rows = value if isinstance(value, list) else [value]
    if len(rows) > most:
        raise InputError(f"{len(rows):,} {what}: a request may have {most:,}")
    return rows


def place_of(value: object, number: int, what: str) -> str:
    """How a message begins about one of several, the one with this number from 1."""
    return f"{what} {number} of {len(value)}: " if isinstance(value, list) else ""


def _keys_of(value: object) -> int:
    rows = value if isinstance(value, list) else [value]
    return sum([len(row) for row in rows if isinstance(row, dict)])


def _parsed(value: object, kinds: Collection[str]) -> list[ShopEvent]:
    events = []
    for number, row in enumerate(rows_of(value, MAX_EVENTS, "events"), 1):
        try:
            event = parse_shop_event(row)
            if event.event not in kinds:
                raise FormatError(
                    f"`event`: {event.event!r} is not one of {', '.join(kinds)}; further kinds "
                    "are named in the config, in `events.kinds`"
                )
            if isinstance(row, dict) and not _KEYS.issuperset(row):
                unknown = min(set(row) - _KEYS)
                raise FormatError(
                    f"unknown key {unknown!r}: an event may have {', '.join(REQUEST_KEYS)}"
                )
            if REPLACEMENT in event.user or REPLACEMENT in event.item:
                raise FormatError("`user` and `item` must be UTF-8")
        except FormatError as error:
            raise InputError(f"{place_of(value, number, 'event')}{error}") from error
        events.append(event)
    return events
