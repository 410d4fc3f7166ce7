"""Merging, rules and the visitor's state, without Redis: each figure is computed by hand."""

import pytest
from pydantic import ValidationError

from botify.shop.blend import Blend
from botify.shop.request import ItemRequest
from botify.shop.selection import Candidate, Rules
from botify.shop.visitor import Visitor, visitor_of
from botify.store.item_candidates import CandidateList, Candidates
from botify.store.visitor_events import DAY_MS, RecentEvent

HOUR = 3_600_000
NOW = 40 * DAY_MS
KINDS = {"view": 1.0, "addtocart": 4.0}


def blend(**settings: object) -> Blend:
    config = {"type": "blend", "list": "mine", "neighbours": "near", "kinds": KINDS, **settings}
    return Blend.from_config("mix", Blend.Config.model_validate(config))


def listed(name: str, owner: str, *items: str) -> CandidateList:
    return CandidateList(name, owner, list(items), [None] * len(items))


def test_interest_is_the_strongest_event_halved_with_time() -> None:
    events = [
        RecentEvent("a", "view", NOW - HOUR),
        RecentEvent("b", "impression", NOW - HOUR),
        RecentEvent("a", "addtocart", NOW - 3 * HOUR),
        RecentEvent("c", "view", NOW + HOUR),  # ahead of this clock: as of now
    ]
    visitor = visitor_of(events, NOW, KINDS, half_life=1.0)
    assert visitor.interest == {"a": 0.5, "c": 1.0} == visitor.wanted
    assert visitor.seen == {"a", "b", "c"}
    assert not visitor.barred


def test_bought_and_dismissed() -> None:
    events = [
        RecentEvent("dismissed", "dismiss", NOW),
        RecentEvent("dismissed", "view", NOW),
        RecentEvent("again", "view", NOW),
        RecentEvent("again", "dismiss", NOW),
        RecentEvent("bought", "transaction", NOW - 29 * DAY_MS),
        RecentEvent("bought", "view", NOW - 29 * DAY_MS),
        RecentEvent("used up", "transaction", NOW - 31 * DAY_MS),
        RecentEvent("used up", "view", NOW - 31 * DAY_MS),
    ]
    visitor = visitor_of(events, NOW, KINDS, half_life=1e9)
    assert visitor.barred == {"dismissed"}
    assert set(visitor.interest) == {"again", "bought", "used up"}
    assert set(visitor.wanted) == {"again"}


def test_weighted_reciprocal_ranks() -> None:
    found = Candidates(
        [
            listed("mine", "anna", "x", "y"),
            listed("popular", "", "p", "y"),
            listed("near", "a", "y", "z"),
            listed("near", "b", "z"),
        ],
        (),
        {item: {} for item in "abpxyz"},
        None,
    )
    visitor = Visitor({"a": 1.0, "b": 4.0}, {"a": 1.0}, frozenset("ab"), frozenset())
    request = ItemRequest("anna")
    of = blend(list_weight=2, similar_weight=0.5, reminder_weight=3, constant=1)
    merged = [*of.merge(request, found, visitor)]
    assert [(each.item, each.score, each.source, each.because) for each in merged] == [
        ("a", pytest.approx(3 * 1 / 2), "reminders", "a"),
        ("z", pytest.approx(0.5 * 1 / 3 + 0.5 * 4 / 2), "near", "b"),
        ("x", pytest.approx(2 / 2), "mine", None),
        ("y", pytest.approx(2 / 3 + 0.5 / 2), "mine", None),
        ("p", None, "popular", None),
        ("y", None, "popular", None),
    ]


def test_an_item_that_cannot_be_offered_is_no_reminder() -> None:
    visitor = Visitor({"a": 1.0}, {"a": 1.0}, frozenset("a"), frozenset())
    assert not [*blend().merge(ItemRequest("u"), Candidates([], (), {}, None), visitor)]


def test_items_that_a_page_shows_count_like_the_strongest_event() -> None:
    found = Candidates([listed("near", "page", "y")], (), {"y": {}}, None)
    nobody = visitor_of((), NOW)
    (only,) = blend(constant=1).merge(ItemRequest("u", items=("page",)), found, nobody)
    assert (only.score, only.because) == (4 / 2, "page")


def test_what_is_read() -> None:
    query = blend(recent=3, depth=7).query(ItemRequest("anna", items=("page",)))
    assert query.lists == (("mine", "anna"), ("near", "page"), ("popular", ""))
    assert query.recent is not None
    assert (query.recent, query.depth) == (("near", 3, ("view", "addtocart")), 7)
    assert [*blend(list=None).config.references()] == [("neighbours", "neighbours", "near")]
    assert blend(neighbours=None).query(ItemRequest("anna")).recent is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"list": None, "neighbours": None}, "name `list`, `neighbours`, or both"),
        ({"kinds": {"view": -1}}, "must not be negative"),
        ({"kinds": {"view": float("nan")}}, "must not be negative"),
        ({"half_life": 0}, "greater than 0"),
        ({"wieght": 1}, "Extra inputs"),
    ],
)
def test_settings_that_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        blend(**settings)


CATEGORIES = {"a": "desk lamps", "b": "shoes", "c": "lamps", "d": "", "e": "desk lamps"}


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (Rules(10), "abcde"),
        (Rules(2), "ab"),
        (Rules(10, max_per_category=1), "abcd"),
        (Rules(10, reminders=0), "bcde"),
        (Rules(10, discoveries=False), "a"),
    ],
)
def test_rules(rules: Rules, expected: str) -> None:
    candidates = [Candidate(item, None, "x") for item in "aabcde"]
    chosen = rules.select(candidates, CATEGORIES, {"a"}, frozenset())
    assert "".join(each.item for each, _ in chosen) == expected
    assert all((role == "reminder") == (each.item == "a") for each, role in chosen)


def test_barred_items_count_for_nothing() -> None:
    candidates = [Candidate(item, None, "x") for item in "ab"]
    assert [each.item for each, _ in Rules(1).select(candidates, {}, set(), {"a"})] == ["b"]
