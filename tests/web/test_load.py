"""`manage.py load`."""

import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

pytestmark = pytest.mark.usefixtures("db")


def load(*arguments: object) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("load", *map(str, arguments), stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


@pytest.fixture
def films(tmp_path: Path) -> Path:
    (tmp_path / "movies.csv").write_text("movieId,title,genres\n1,Alien,Horror|Sci-Fi\n2,Up,\n")
    (tmp_path / "ratings.csv").write_text(
        "userId,movieId,rating,timestamp\n1,1,4.5,9\n1,2,0,9\n2,1,3,9\n1,2,2,9\n3,7,4,9\n"
    )
    return tmp_path


def test_movielens_tells_what_it_drops_and_a_second_run_changes_nothing(films: Path) -> None:
    from web.catalog.models import Item
    from web.ratings.models import Interaction

    out, err = load("movielens", films)
    assert "2 new items, 3 new ratings" in out
    assert "dropped 1: rating outside 0.5 to 5.0 (first: ratings.csv:3)" in err
    assert "dropped 1: rating of an unknown item (first: ratings.csv:6)" in err
    alien = Item.objects.get(id=1)
    assert (alien.votes, alien.rating, alien.popularity) == (2, 3.75, 1.0)
    assert sorted(alien.tags.values_list("name", flat=True)) == ["Horror", "Sci-Fi"]
    assert "nothing changed" in load("movielens", films)[0]
    ratings = (films / "ratings.csv").read_text().replace("2,1,3,9", "2,1,5,9")
    (films / "ratings.csv").write_text(ratings)
    assert "0 new items, 0 new ratings, 1 changed" in load("movielens", films)[0]
    assert Interaction.objects.get(user_id=2).revision == 2


def test_filters(films: Path) -> None:
    out, _ = load("movielens", films, "--min-popularity", "0.5")
    assert "left out by the filters: 1 items, 1 ratings" in out
    out, _ = load("movielens", films, "--min-activity", "2")
    assert "left out by the filters: 0 items, 1 ratings" in out


def test_another_item_under_the_same_id_is_refused(films: Path, make_item) -> None:  # type: ignore[no-untyped-def]
    make_item("Other", id=1)
    with pytest.raises(CommandError, match="item 1 is 'Other' here") as raised:
        load("movielens", films)
    assert raised.value.returncode == 2


def test_books(tmp_path: Path) -> None:
    review = {"reviewerID": "A1", "asin": "B1", "overall": 5.0, "unixReviewTime": 1_400_000_000}
    path = tmp_path / "books.json"
    path.write_text(json.dumps(review) + "\nnot json\n")
    out, err = load("books", path)
    assert "1 new items, 1 new ratings" in out
    assert "no JSON object (first: books.json:2)" in err
    assert "nothing changed" in load("books", path)[0]


def test_scraped(tmp_path: Path) -> None:
    from web.ratings.models import Interaction

    product = {"id": "P1", "title": "Shoe", "images": ["javascript:x"], "tags": ["red"]}
    product["reviews"] = [{"user": "Ann", "rating": 4.0, "message": ""}, {"rating": 1}]  # type: ignore[assignment]
    (tmp_path / "P1.json").write_text(json.dumps(product))
    out, err = load("scraped", tmp_path)
    assert "1 new items, 1 new ratings" in out
    assert "picture's address" in err
    assert "P1.json, review 2" in err
    assert not Interaction.objects.get().suitable_to_train


@pytest.mark.parametrize("source", ["movielens", "books", "sneakers", "csv", "scraped"])
def test_a_path_that_is_not_there(source: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="none") as raised:
        load(source, tmp_path / "none")
    assert raised.value.returncode == 2


def test_of_several_ratings_the_latest_counts_whatever_the_order(films: Path) -> None:
    from web.ratings.models import Interaction

    rated = "userId,movieId,rating,timestamp\n1,1,2,20\n1,1,4,30\n1,1,5,10\n"
    (films / "ratings.csv").write_text(rated)
    _, err = load("movielens", films)
    assert "dropped 2: rating of an item by a user who rated it more than once" in err
    assert Interaction.objects.get(user_id=1).rating == 4


def test_sneakers_of_odd_types_are_kept_and_what_is_lost_is_told(tmp_path: Path) -> None:
    from web.catalog.models import Item

    rows = [
        {"id": "a", "title": "x" * 300, "description": "long", "tags": ["t" * 120]},
        {"id": "b", "title": "B", "description": ["no", "text"], "tags": 7, "image": 5},
        {"id": "c", "title": "C", "images": []},
        {"id": "d", "title": ["no", "title"]},
    ]
    (tmp_path / "items.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    out, err = load("sneakers", tmp_path)
    assert "3 new items" in out
    for reason in (
        "end of name after 255 characters",
        "end of tag after 100 characters",
        "description that is no text",
        "tags that are no list of texts",
        "image that is no text",
        "item without an id or a title",
    ):
        assert f"dropped 1: {reason}" in err
    assert {len(name) for name in Item.objects.values_list("name", flat=True)} == {255, 1}
