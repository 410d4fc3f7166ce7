"""A log, replayed: what each moment knew, labels, and the same values as in Redis."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis

from botify.config import EventsConfig
from botify.errors import InputError
from botify.shop.features.counts import counted_as
from botify.shop.features.facts import Candidate
from botify.shop.features.names import FeatureSet
from botify.shop.features.values import feature_values
from botify.shop.item_facts import read_facts
from botify.shop.replay.log import Log
from botify.shop.replay.run import Options, write_log_features
from botify.shop.replay.state import ShopState
from botify.store.item_changes import ItemChange, ItemChanges
from botify.store.item_facts import ItemFactsStore
from botify.store.items import ItemStore
from botify.store.keys import SHOP_KEYS
from botify.store.visitor_events import StoredEvent, VisitorEvents, pack_recent
from contract.shop_events import parse_shop_event

START = 1_780_000_000_000
MINUTE = 60_000
HOUR = 60 * MINUTE
Row = dict[str, Any]


def event(minute: float, user: str, item: str, kind: str = "view", **more: Any) -> Row:
    at = START + round(minute * MINUTE)
    own = f"{user}{minute}{item}{kind}"
    row = {"message": "event", "timestamp": at, "user": user, "item": item, "event": kind}
    return {**row, "id": own, "received": at, **more}


def answer(minute: float, user: str, items: str, request: str = "r", **more: Any) -> Row:
    sources = ["near", *["top"] * (len(items) - 1)]
    row = {"message": "recommend", "timestamp": START + round(minute * MINUTE), "user": user}
    lists = {"items": [*items], "sources": sources, "scores": [1.0] * len(items)}
    return {**row, **lists, "request": request, **more}


def visits(n: int = 300) -> list[Row]:
    """Visitors who view some items and put one that they viewed into the cart."""
    rng = np.random.default_rng(1)
    rows = []
    for number in range(n):
        user, minute = f"v{rng.integers(20)}", number * 7.0
        kind = "addtocart" if number % 5 == 4 else "view"
        item = "abcdefghij"[min(9, int(rng.exponential(2.5)))]
        rows.append(event(minute, user, item, kind))
    return rows


def written(path: Path, rows: list[Row]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def features(
    tmp_path: Path, rows: list[Row], name: str = "out", options: Options | None = None, **more: Any
) -> dict[str, Any]:
    log = written(tmp_path / f"{name}.json", rows)
    out = tmp_path / name
    write_log_features([log], out, options or Options(), EventsConfig(), **more)
    found: dict[str, Any] = {path.stem: np.load(path) for path in out.glob("*.npy")}
    return {**found, "about": json.loads((out / "features.json").read_text())}


def test_values_are_those_of_the_log_cut_at_their_moment(tmp_path: Path) -> None:
    rows = [
        *visits(),
        {"message": "item", "timestamp": START + 9 * HOUR, "item": "a", "fields": {"price": 3}},
        {"message": "item", "timestamp": START + 20 * HOUR, "item": "a", "fields": {"price": 9}},
    ]
    whole = features(tmp_path, rows)
    cut_at = START + 15 * HOUR
    known = [row for row in rows if row["timestamp"] <= cut_at]
    cut = features(tmp_path, known, "cut")
    n = len(cut["labels"])
    assert 100 < n < len(whole["labels"])
    assert (whole["times"][:n] <= cut_at).all()
    assert (whole["times"][n:] > cut_at).all()
    np.testing.assert_array_equal(whole["features"][:n], cut["features"])
    np.testing.assert_array_equal(whole["labels"][:n], cut["labels"])


def test_the_order_of_lines_does_not_matter_and_repeats_do_not_count(tmp_path: Path) -> None:
    rows = visits()
    shuffled = [rows[place] for place in np.random.default_rng(2).permutation(len(rows))]
    one, two = features(tmp_path, rows), features(tmp_path, [*shuffled, *rows[:9]], "two")
    np.testing.assert_array_equal(one["features"], two["features"])
    assert two["about"]["counts"]["lines of the log that are repeated, left out"] == 9


def test_what_came_late_was_not_known_before(tmp_path: Path) -> None:
    late = event(1, "ann", "b", received=START + HOUR)
    rows = [event(0, "ann", "a"), late, event(5, "ann", "a", "addtocart")]
    found = features(tmp_path, [*rows, event(70, "ann", "b", "addtocart")])
    names = found["about"]["names"]
    column = found["features"][:, names.index("visitor_events")]
    assert column[found["groups"] == 0].tolist() == [1]
    assert set(column[found["groups"] == 1].tolist()) == {3}


def test_a_group_has_one_target_among_candidates(tmp_path: Path) -> None:
    found = features(tmp_path, visits())
    counts = found["about"]["counts"]
    groups = counts["groups of candidates"]
    assert (
        np.add.reduceat(found["labels"], np.unique(found["groups"], return_index=True)[1]).tolist()
        == [1] * groups
    )
    assert groups + counts["targets that were not among the candidates"] == 60
    assert not found["shown"].any()


def test_labels_of_what_was_shown(tmp_path: Path) -> None:
    rows = [
        event(0, "ann", "a"),
        answer(1, "ann", "abc", "first"),
        answer(2, "ann", "bcd", "second"),
        event(3, "ann", "b", "addtocart"),  # of the newer answer
        event(4, "ann", "c", "addtocart", request="first"),
        event(5, "ann", "z", "addtocart"),  # was not shown
        answer(6, "ben", "ab", "third"),
        event(1447, "ben", "a", "addtocart"),  # a day later
        event(3000, "ben", "z"),
    ]
    found = features(tmp_path, rows)
    shown = found["shown"] == 1
    assert found["labels"][shown].tolist() == [0, 0, 1, 1, 0, 0]
    assert found["times"][shown].tolist() == [START + MINUTE] * 3 + [START + 2 * MINUTE] * 3
    assert (found["until"] - found["times"])[shown].tolist() == [24 * HOUR] * 6
    counts = found["about"]["counts"]
    assert counts["targets that were not among the items shown"] == 1
    assert counts["answers without a target after them"] == 1
    names = found["about"]["names"]
    top = found["features"][:3, names.index("rank:top")]
    np.testing.assert_array_equal(top, [np.nan, 0, 1])


def test_logged_values_are_taken_and_compared(tmp_path: Path) -> None:
    rows = [event(0, "ann", "a"), answer(1, "ann", "ab"), event(3, "ann", "b", "addtocart")]
    options = Options(sources=("near", "top"))
    replayed = features(tmp_path, rows, options=options)
    values = [[None if np.isnan(v) else float(v) for v in row] for row in replayed["features"]]
    rank = replayed["about"]["names"].index("rank:near")
    values[0][rank] = 7.0  # among all candidates
    price = replayed["about"]["names"].index("price")
    values[1][price] = 3.5  # the service knew a price
    rows[1]["features"] = {"fingerprint": replayed["about"]["fingerprint"], "values": values}
    found = features(tmp_path, rows, "logged", options)
    assert found["features"][0, rank] == 7
    assert found["features"][1, price] == 3.5
    counts = found["about"]["counts"]
    assert counts["answers whose values are logged"] == 1
    assert counts["logged values that the replay has otherwise"] == 1


def test_a_log_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no data\.json"):
        Log([tmp_path])
    bad = tmp_path / "bad.json"
    bad.write_text("[]\n" + json.dumps(event(0, "a", "b")) + "\n")
    with pytest.raises(InputError, match="1 of 2 lines"):
        Log([bad])
    with pytest.raises(InputError, match="no group of candidates"):
        features(tmp_path, [event(0, "ann", "a")])
    with pytest.raises(InputError, match="'buy' is not one of"):
        features(tmp_path, visits(), options=Options(targets=("buy",)))


def test_redis_has_what_the_replay_has(client: "redis.Redis") -> None:
    lists = SHOP_KEYS.lists
    items: dict[str, Row] = {
        "a": {"category": "lamps", "price": 5},
        "b": {"category": 7, "price": 2.5},
        "c": {"category": 'a "quoted" one'},
        "d": {"more": {"category": "inner"}, "category": "outer"},
        "e": {},
        "f": {"category": "lamps"},
    }
    client.hset(lists, mapping={"items": "1"})
    texts = {item: json.dumps(of, separators=(",", ":")) for item, of in items.items()}
    client.hset(f"{lists}:items:1", mapping=texts)  # type: ignore[arg-type]  # redis says bytes
    state, events = ShopState(EventsConfig(), items), VisitorEvents(client, 50)
    ItemChanges(client).apply([ItemChange(START, "f", {"category": "tables", "price": 8})])
    state.change({"item": "f", "fields": {"category": "tables", "price": 8}})
    for row in visits(200):
        one = parse_shop_event(row)
        assert one.timestamp is not None
        assert one.id is not None
        packed = pack_recent(one.id, one.event, one.item)
        counted = counted_as(one.event, one.timestamp)
        stored = StoredEvent(b"", b"", one.user, one.item, one.timestamp, packed, 2**45, *counted)
        events.commit([stored, stored])  # the second time, it is there
        state.take(one, one.timestamp)
    now = START + 24 * HOUR
    recent = ItemStore(client).recent("v3", 50)
    assert recent == state.recent("v3", now)
    assert len(recent) > 3
    facts = read_facts(ItemFactsStore(client), [*"abcdefg"], recent)
    replayed = state.facts([*"abcdefg", *(each.item for each in recent)])
    assert facts.categories.keys() == {"slamps", "n7", 'sa "quoted" one', "souter", "stables"}
    features = FeatureSet(("near",))
    some = [Candidate(item, {"near": (place, None)}) for place, item in enumerate("abcdefg")]
    served = feature_values(features, some, recent, facts, now)
    np.testing.assert_allclose(
        served, feature_values(features, some, recent, replayed, now), rtol=1e-6
    )
    assert served[0, features.names.index("item_views")] > 1


def test_a_share_of_the_targets_is_the_same_one_in_any_order_of_the_log(tmp_path: Path) -> None:
    rows = visits(600)
    whole = features(tmp_path, rows)
    some = features(tmp_path, rows, "some", Options(share=0.3))
    turned = features(tmp_path, rows[::-1], "turned", Options(share=0.3))
    np.testing.assert_array_equal(some["features"], turned["features"])
    taken = np.isin(whole["times"], some["times"])
    np.testing.assert_array_equal(whole["features"][taken], some["features"])
    counts = some["about"]["counts"]
    assert 15 < counts["groups of candidates"] < 60
    assert counts["targets that were not drawn"] > 60


def test_a_target_as_of_before_the_view_that_led_to_it(tmp_path: Path) -> None:
    rows = [
        *(event(0, "ann", "a"), event(1, "ann", "b"), event(2, "ann", "a")),
        *(event(3, "ben", "a"), event(5, "ben", "b"), event(6, "ben", "b", "addtocart")),
        *(event(7, "cat", "a"), event(90, "cat", "b"), event(150, "cat", "b", "addtocart")),
    ]
    found = features(tmp_path, rows, options=Options(before_view=True))
    groups = found["groups"]
    assert [found["times"][groups == n][0] for n in (0, 1)] == [
        START + 5 * MINUTE,
        START + 150 * MINUTE,  # the view is another visit's
    ]
    assert len(set(groups)) == 2
    names = found["about"]["names"]
    place = found["features"][:, names.index("rank:reminders")]
    similar = found["features"][:, names.index("rank:similar")]
    target = found["labels"] == 1
    np.testing.assert_array_equal(place[target], [np.nan, 0])
    assert similar[target][0] == 0
    assert found["about"]["before_view"]
