"""Figures of a shop: what counts once, what came through recommendations, what is left out."""

from typing import Any

from botify.shop.owner.figures import Figures, Tally


def event(kind: str, user: str = "a", id: str = "1", **more: Any) -> dict[str, Any]:
    """A line of an event at 100."""
    common = {"message": "event", "timestamp": 100, "user": user, "item": "x", "event": kind}
    return {**common, "id": id, **more}


def answer(request: str, user: str = "a", by: str = "blend", *items: str) -> dict[str, Any]:
    """A line of an answer at 90."""
    common = {"message": "recommend", "timestamp": 90, "user": user, "recommender": by}
    return {**common, "request": request, "items": list(items)}


def counted(*lines: Any, since: int = 0) -> Figures:
    tally = Tally(since)
    for line in lines:
        tally.add(line)
    return tally.figures()


def test_the_funnel_counts_events_and_visitors_once() -> None:
    found = counted(
        event("view"),
        event("view"),  # sent again while Redis was away
        event("view", id="2"),
        event("view", "b"),
        event("addtocart", id="3"),
        event("impression", id="4"),
    )
    assert [tuple(step) for step in found.funnel] == [
        ("view", 3, 2),
        ("addtocart", 1, 1),
        ("transaction", 0, 0),
    ]


def test_what_names_an_answer_to_its_visitor_came_through_it_in_any_order() -> None:
    lines = [
        event("addtocart", request="r1"),
        event("addtocart", "b", "2", request="r1"),  # an answer to somebody else
        event("addtocart", "a", "3", request="gone"),
        event("addtocart", "a", "4"),
        answer("r1", "a", "blend", "x", "y"),
    ]
    for ordered in (lines, lines[::-1]):
        found = counted(*ordered)
        assert (found.carts_through, found.funnel[1].events, found.unknown_answers) == (1, 4, 2)


def test_revenue_is_of_purchases_with_a_price() -> None:
    found = counted(
        answer("r1"),
        event("transaction", id="1", price=10.0, quantity=2, request="r1"),
        event("transaction", id="2", price=5.0),
        event("transaction", id="3", request="r1"),
    )
    assert (found.revenue, found.revenue_through, found.unpriced) == (25.0, 20.0, 1)
    assert found.purchases_through == 2


def test_answers_are_counted_by_recommender_with_the_items_that_were_shown() -> None:
    found = counted(
        answer("r1", "a", "blend", "x", "y"),
        answer("r1", "a", "blend", "x", "y"),
        answer("r2", "b", "popular", "y", "z"),
        answer("r3", "b", "fallback"),
    )
    assert (found.answers, found.shown, found.empty, found.fallbacks) == (3, 3, 1, 1)
    assert found.by_recommender == {"blend": 1, "popular": 1, "fallback": 1}


def test_lines_before_the_period_and_lines_of_no_sense_are_left_out() -> None:
    old = {**event("view"), "timestamp": 99}
    change = {"message": "item", "timestamp": 200}
    found = counted(old, change, {"message": "event", "timestamp": 200}, ["?"], since=100)
    assert (found.funnel[0].events, found.malformed, found.from_ms) == (0, 2, None)
