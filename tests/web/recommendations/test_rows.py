"""Rows: what is in them, in which order, and why."""

from collections.abc import Callable
from typing import Any

import pytest

from web.catalog.counts import recount
from web.catalog.models import Item
from web.ratings.models import Dismissal, Interaction
from web.recommendations.cells import nearest
from web.recommendations.ladder import step
from web.recommendations.models import (
    EnsembleConfig,
    Recommender,
    RecommenderEnsemble,
    SimilarityMatrix,
    SimilarityMatrixCell,
)
from web.recommendations.person import load_person
from web.recommendations.rows import fill
from web.recommendations.views import rows_of

Make = Callable[..., Any]
ME, TWIN, OTHER = 1, 2, 3


@pytest.fixture
def films(make_item: Make) -> dict[str, Item]:
    tags = {"a": "War", "b": "War", "c": "Love", "d": "Love", "e": "War"}
    return {name: make_item(name, tag) for name, tag in tags.items()}


def give(films: dict[str, Item], **ratings: dict[str, float]) -> None:
    """give(films, u1={"a": 5}): ratings of user 1."""
    for user, given in ratings.items():
        for name, rating in given.items():
            Interaction.objects.create(user_id=int(user[1:]), item=films[name], rating=rating)
    recount()


def matrix(kind: int, *cells: tuple[int, int, float], version: int = 1) -> SimilarityMatrix:
    made, _ = SimilarityMatrix.objects.get_or_create(name=f"m{kind}", type=kind)
    made.version = version
    made.save()
    for row, column, value in cells:
        SimilarityMatrixCell.objects.create(
            matrix=made, version=version, row=row, column=column, value=value
        )
    return made


def recommender(kind: int, **fields: Any) -> Recommender:
    return Recommender.objects.create(name=f"r{kind}", type=kind, **fields)


def names(row: Any) -> list[str]:
    return [shown.item.name for shown in row.items]


def test_popular_rows_are_by_likes_and_leave_out_what_is_not_wanted(films: Any) -> None:
    give(films, u1={"a": 5}, u2={"a": 5, "b": 4, "c": 2}, u3={"a": 4, "b": 5, "d": 5})
    person = load_person(ME)
    assert names(fill(recommender(1), person)) == ["a", "b", "d"]
    new = recommender(2)
    assert names(fill(new, person)) == ["b", "d"]
    Dismissal.objects.create(user_id=ME, item=films["b"], kind="not_interested")
    assert names(fill(new, load_person(ME))) == ["d"]
    assert all(shown.reason and shown.change for shown in fill(new, person).items)


def test_the_profile_row_is_by_tags_of_what_was_rated_well(films: Any) -> None:
    give(films, u1={"a": 5, "c": 1}, u2={"b": 4, "d": 4}, u3={"b": 4, "d": 4, "e": 4})
    row = fill(recommender(4), load_person(ME))
    assert names(row)[0] == "b"
    assert "War" in row.items[0].reason
    assert "a" not in names(row)


def test_neighbours_count_by_their_similarity_and_by_how_well_they_rated(films: Any) -> None:
    give(
        films,
        u1={"a": 5},
        u2={"b": 5, "c": 5, "d": 1},
        u3={"b": 5, "c": 1, "d": 5},
        u4={"e": 5, "b": 4},
    )
    people = matrix(1, (ME, TWIN, 0.9), (OTHER, ME, 0.1))
    row = fill(recommender(3, user_similarity_matrix=people), load_person(ME))
    assert names(row) == ["b", "c", "d"]  # e: rated by nobody near
    assert "2 of your 2 nearest people" in row.items[0].reason


def test_one_neighbour_alone_does_not_fill_the_row(films: Any) -> None:
    give(films, u1={"a": 5}, u2={"b": 5}, u3={"c": 5})
    people = matrix(1, (ME, TWIN, 0.9), (ME, OTHER, 0.8))
    row = fill(recommender(3, user_similarity_matrix=people), load_person(ME))
    assert not row.items
    assert row.empty


def test_a_person_whom_the_matrix_does_not_know_gets_items_like_those_rated(films: Any) -> None:
    give(films, u1={"a": 5, "b": 1})
    items = matrix(2, (films["a"].pk, films["c"].pk, 0.8), (films["d"].pk, films["b"].pk, 0.9))
    row = fill(recommender(3, item_similarity_matrix=items), load_person(ME))
    assert names(row) == ["c"]  # d is like what was not liked
    assert row.items[0].because == films["a"]
    assert row.note


def test_only_the_published_version_counts_in_both_directions(db: None) -> None:
    matrix(1, (1, 2, 0.5), (1, 9, 0.9), version=1)
    now = matrix(1, (1, 2, 0.5), (2, 1, 0.6), (3, 1, 0.7), (1, 4, -0.2), version=2)
    assert nearest(now, [1], 10) == {1: {3: 0.7, 2: 0.6}}
    assert nearest(now, [1], 1) == {1: {3: 0.7}}
    now.version = 0
    assert nearest(now, [1], 10) == {}


def test_the_ladder_goes_by_the_number_of_ratings(films: Any) -> None:
    low, high = recommender(2), recommender(3)
    ladder = RecommenderEnsemble.objects.create(name="ladder")
    for of, start, end in ((low, 0, 20), (high, 20, 0)):
        EnsembleConfig.objects.create(
            ensemble=ladder, recommender=of, active_from_n_user_iterations=start, active_to_n=end
        )
    assert [step(n).recommender for n in (0, 19, 20, 500)] == [low, low, high, high]  # type: ignore[union-attr]
    give(films, u1={"a": 5})
    rows = {row.recommender: row for row in rows_of(load_person(ME))}
    assert rows[high].empty == "Rate 19 more items."
    high.enable = False
    high.save()
    assert step(500) is None
    assert [row.recommender for row in rows_of(load_person(ME))] == [low]


def test_the_page_says_why_for_each_item(films: Any, signed_in: Make) -> None:
    give(films, u2={"a": 5, "b": 4}, u3={"a": 5})
    recommender(1)
    client = signed_in()
    page = client.get("/recommendations").content.decode()
    assert "2 ratings of 4 and above, of 2." in page
    client.post(f"/rate/{films['a'].pk}", {"action": "not_interested", "next": "/recommendations"})
    assert "2 ratings of 4" not in client.get("/recommendations").content.decode()


def test_the_page_asks_as_often_with_many_items_as_with_few(
    films: Any, signed_in: Make, make_item: Make
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    recommender(1)
    client = signed_in()
    counts = []
    for n in (0, 15):
        for at in range(n):
            give({"x": make_item(f"x{at}", "War")}, u2={"x": 5})
        with CaptureQueriesContext(
            connection,
        ) as queries:
            client.get("/recommendations")
            client.get("/items")
        counts.append(len(queries))
    assert counts[0] == counts[1]
