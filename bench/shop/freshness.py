"""How soon an answer has what is similar to an item that a visitor has just looked at."""

import http.client
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import orjson

K = 5
MOST_ASKED = 100
"""Times that an answer is asked for before a visitor's event counts as never used."""
_BATCH = 5000


class Fresh(NamedTuple):
    """Of the events of several visitors."""

    at_once: int
    """Events that the next answer used."""
    never: int
    ms: list[float]
    """From sending an event to having the answer that used it."""


class Shop:
    """Requests to a shop, by the routes that both services have."""

    def __init__(self, url: str, items_url: str | None = None) -> None:
        """`items_url`: where `/put` is; the same place if it is not given."""
        self._answers = _connection(url)
        self._events = _connection(items_url or url)

    def put(self, user: int, item: int) -> None:
        """The visitor has looked at the item."""
        _asked(self._events, f"/put?user_id={user}&item_id={item}")

    def recommended(self, user: int) -> set[int]:
        """The items of an answer."""
        return set(_asked(self._answers, f"/recommendations?user_id={user}&k={K}")["recs"])

    def post_events(self, events: Sequence[Mapping[str, int]]) -> None:
        """Views of visitors, by the route for many events."""
        for begin in range(0, len(events), _BATCH):
            rows = [
                {"user": str(row["user"]), "item": str(row["item"]), "event": "view"}
                for row in events[begin : begin + _BATCH]
            ]
            _asked(self._events, "/events", orjson.dumps(rows))

    def close(self) -> None:
        """Close its connections."""
        self._answers.close()
        self._events.close()


def events_of(data: Path) -> list[dict[str, int]]:
    """The events that visitors have before anything is asked."""
    with (data / "events.json").open("rb") as file:
        return [orjson.loads(line) for line in file]


def fresh(shop: Shop, data: Path, first_user: int, visitors: int) -> Fresh:
    """Each of new visitors looks at one item, then asks until an answer has a similar one."""
    near: dict[int, set[int]] = {}
    with (data / "neighbours.json").open("rb") as file:
        for line in file:
            row = orjson.loads(line)
            near[row["item"]] = set(row["items"])
            if len(near) == visitors:
                break
    at_once, never, times = 0, 0, []
    for user, (item, wanted) in enumerate(near.items(), first_user):
        sent = time.perf_counter()
        shop.put(user, item)
        for asked in range(MOST_ASKED):
            if shop.recommended(user) & wanted:
                times.append(1000 * (time.perf_counter() - sent))
                at_once += asked == 0
                break
        else:
            never += 1
    return Fresh(at_once, never, times)


def _connection(url: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(url.partition("//")[2], timeout=60)


def _asked(to: http.client.HTTPConnection, path: str, body: bytes = b"") -> dict[str, list[int]]:
    to.request("POST", path, body, {"Content-Type": "application/json"})
    response = to.getresponse()
    text = response.read()
    if response.status != 200:
        raise OSError(f"POST {path}: status {response.status}: {text.decode(errors='replace')}")
    found: dict[str, list[int]] = orjson.loads(text)
    return found
