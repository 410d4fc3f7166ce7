"""Values of features, computed by hand."""

import math

import numpy as np
import pytest

from botify.shop.features.counts import Sums, decay, weight
from botify.shop.features.facts import Candidate, Facts, ItemFacts, category_of
from botify.shop.features.names import FeatureSet, difference, feature_set
from botify.shop.features.values import PRIOR_VIEWS, feature_values

DAY = 86_400_000
NOW = 1_780_000_000_000  # 2026-05-28 20:26:40 UTC, a Thursday
RECENT = [
    ("cup", "addtocart", NOW - 60_000),
    ("pan", "view", NOW - 120_000),
    ("cup", "view", NOW - 180_000),
    ("cup", "view", NOW - 240_000),
]
SUMS = Sums(4 * weight(NOW), 2 * weight(NOW), weight(NOW))
FACTS = Facts(
    {
        "cup": ItemFacts("skitchen", 4.0, SUMS, NOW - DAY),
        "pan": ItemFacts("skitchen", 16.0),
        "hat": ItemFacts("sclothes", 8.0),
    },
    {"skitchen": SUMS, "sclothes": Sums()},
    SUMS,
)


def rows(
    candidates: list[Candidate], facts: Facts = FACTS, now: int = NOW
) -> list[dict[str, float]]:
    features = FeatureSet(("near", "top"), scores=True)
    values = feature_values(features, candidates, RECENT, facts, now)
    assert values.dtype == np.float32
    return [dict(zip(features.names, row.tolist(), strict=True)) for row in values]


def test_what_the_visitor_did_with_item_and_category() -> None:
    cup, hat, pan = rows([Candidate(item, {}) for item in ("cup", "hat", "pan")])
    assert [cup[f"visitor_item_{of}"] for of in ("views", "carts", "purchases")] == [2, 1, 0]
    assert cup["visitor_item_viewed_ago"] == 180
    assert cup["visitor_item_carted_ago"] == 60
    assert math.isnan(cup["visitor_item_purchased_ago"])
    assert (cup["visitor_item_place"], pan["visitor_item_place"]) == (0, 1)
    assert [pan[f"visitor_category_{of}"] for of in ("views", "carts", "ago")] == [3, 1, 60]
    assert math.isnan(hat["visitor_item_place"])
    assert math.isnan(hat["visitor_category_ago"])
    assert (cup["visitor_events"], cup["visitor_idle"]) == (4, 60)


def test_price_beside_that_of_the_visitors_items() -> None:
    cup, hat, none = rows([Candidate(item, {}) for item in ("cup", "hat", "no such item")])
    assert hat["price_ratio"] == pytest.approx(0)  # 8 is between 4 and 16
    assert cup["price_ratio"] == pytest.approx(math.log(4 / 8))
    assert math.isnan(none["price"])
    assert math.isnan(none["price_ratio"])


def test_popularity_decays_and_rates_start_from_the_category() -> None:
    [cup] = rows([Candidate("cup", {})])
    [later] = rows([Candidate("cup", {})], now=NOW + 7 * DAY)
    assert (cup["item_views"], cup["item_carts"], cup["item_purchases"]) == (4, 2, 1)
    assert (later["item_views"], later["category_carts"]) == (2, 1)
    assert cup["item_age"] == 86_400
    total = 2 / (4 + PRIOR_VIEWS)
    category = (2 + PRIOR_VIEWS * total) / (4 + PRIOR_VIEWS)
    item = (2 + PRIOR_VIEWS * category) / (4 + PRIOR_VIEWS)
    assert cup["category_cart_rate"] == pytest.approx(category)
    assert cup["item_cart_rate"] == pytest.approx(item)


def test_places_and_scores_of_sources_and_the_hour() -> None:
    one, two = rows([Candidate("hat", {"top": (3, 0.5)}), Candidate("pan", {"near": (0, None)})])
    assert (one["rank:top"], one["score:top"]) == (3, 0.5)
    assert math.isnan(one["rank:near"])
    assert two["rank:near"] == 0
    assert math.isnan(two["score:near"])
    assert (one["hour"], one["weekday"]) == (20, 3)


def test_nobody_and_nothing() -> None:
    features = FeatureSet(("top",))
    empty = Facts({}, {}, Sums())
    assert feature_values(features, [], RECENT, empty, NOW).shape == (0, len(features.names))
    row = feature_values(features, [Candidate("a", {"top": (0, 1.0)})], [], empty, NOW)[0]
    values = dict(zip(features.names, row.tolist(), strict=True))
    assert values["visitor_events"] == 0
    assert math.isnan(values["visitor_idle"])
    assert values["item_cart_rate"] == 0


def test_an_event_after_now_is_new() -> None:
    [cup] = rows([Candidate("cup", {})], now=NOW - 100_000)
    assert cup["visitor_item_carted_ago"] == 0


def test_sums_may_be_of_any_time() -> None:
    for at in (0, NOW, 4_102_444_800_000):
        assert weight(at) * decay(at) == pytest.approx(1)


def test_categories_are_texts_and_integers() -> None:
    found = [category_of({"category": of}) for of in ("a", "", 12, 12.0, 1.5, True, ["a"], None)]
    assert found == ["sa", None, "n12", "n12", None, None, None, None]


def test_sets_are_known_by_their_names() -> None:
    features = FeatureSet(("near", "top"), scores=True)
    assert feature_set(features.names) == features
    assert feature_set(features.names[1:]) is None
    assert features.fingerprint != FeatureSet(("top", "near"), scores=True).fingerprint
    assert difference(["rank:a", "rank:b", "colour"], ["a", "c"]) == (
        ["rank:b", "colour"],
        ["rank:c"],
    )
