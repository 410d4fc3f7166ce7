"""Pages of items: search, tags, who may change what, and what must not come through."""

from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest
from django.test import Client

from web.catalog.counts import recount
from web.catalog.covers import cover, initials
from web.catalog.models import Item
from web.catalog.search import find, split_tags
from web.ratings.models import Interaction

Make = Callable[..., Any]


def names(items: Any) -> set[str]:
    return {item.name for item in items}


@pytest.fixture
def films(make_item: Make) -> None:
    make_item("Alien", "Horror", "Sci-Fi")
    make_item("Aliens", "Action", "Sci-Fi")
    make_item("Heat", "Action")


def test_tags_are_wanted_or_with_a_minus_excluded(films: None) -> None:
    assert split_tags(["a", "-b", " ", "-"]) == (["a"], ["b"])
    assert names(find("", ["Sci-Fi"])) == {"Alien", "Aliens"}
    assert names(find("", ["Sci-Fi", "Action"])) == {"Aliens"}
    assert names(find("", ["Sci-Fi", "-Horror"])) == {"Aliens"}
    assert names(find("", ["-Sci-Fi"])) == {"Heat"}
    assert names(find("ALIEN", [])) == {"Alien", "Aliens"}


def test_the_catalogue_searches_by_its_address(films: None, signed_in: Make) -> None:
    page = signed_in().get("/items?q=ali&tag=Sci-Fi&tag=-Horror")
    assert names(page.context["page"]) == {"Aliens"}
    assert "Alien</span>" not in page.content.decode()


def test_a_page_that_is_none_gives_the_nearest(films: None, signed_in: Make) -> None:
    client = signed_in()
    for page in ("0", "-1", "99999999999999999999", "x", "%00"):
        assert client.get(f"/items?page={page}&q=%00&tag=%00").status_code == 200


def test_counts_follow_the_ratings(make_item: Make) -> None:
    few, many, none = (make_item(name) for name in ("few", "many", "none"))
    for user, item, rating in ((1, few, 5), (1, many, 4), (2, many, 3), (3, many, 0.5)):
        Interaction.objects.create(user_id=user, item=item, rating=rating)
    recount()
    for item in (few, many, none):
        item.refresh_from_db()
    assert (many.votes, many.likes, many.rating) == (3, 1, 2.5)
    assert (few.votes, few.likes, few.rating) == (1, 1, 5)
    assert (none.votes, none.rating) == (0, 0)
    assert (many.popularity, none.popularity) == (1, 0)
    assert few.popularity == pytest.approx(5 / 7.5)


def test_popularity_of_a_tie_is_no_division_by_zero(make_item: Make) -> None:
    item = make_item("one")
    recount()
    item.refresh_from_db()
    assert item.popularity == 0


@pytest.mark.parametrize(
    ("path", "permission"),
    [("/items/create", "add_item"), ("edit", "change_item"), ("remove", "delete_item")],
)
def test_items_are_changed_with_the_permission_alone(
    make_item: Make, signed_in: Make, path: str, permission: str
) -> None:
    path = path if path.startswith("/") else f"/items/{make_item('Alien').pk}/{path}"
    assert Client().get(path).status_code == 302
    assert signed_in("ada").post(path, {"name": "x"}).status_code == 403
    assert signed_in("eve", permission).get(path).status_code == 200
    assert names(Item.objects.all()) <= {"Alien"}


def test_an_item_is_added_changed_and_removed(signed_in: Make) -> None:
    client = signed_in("ada", "add_item", "change_item", "delete_item")
    client.post("/items/create", {"name": "Alien", "tag_names": "Horror, Sci-Fi,Horror"})
    item = Item.objects.get()
    assert sorted(item.tags.values_list("name", flat=True)) == ["Horror", "Sci-Fi"]
    # What is counted of ratings, and the id, are not in the form.
    client.post(
        f"/items/{item.pk}/edit",
        {"name": "Aliens", "tag_names": "", "popularity": "1", "votes": "9", "id": "77"},
    )
    changed = Item.objects.get()
    assert (changed.pk, changed.name, changed.votes, changed.popularity) == (
        item.pk,
        "Aliens",
        0,
        0,
    )
    assert client.get(f"/items/{item.pk}/remove").status_code == 200
    assert Item.objects.count() == 1  # a GET removes nothing
    client.post(f"/items/{item.pk}/remove")
    assert not Item.objects.exists()
    assert client.get(f"/items/{item.pk}").status_code == 404


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "x" * 256},
        {"name": "x", "image": "javascript:alert(1)"},
        {"name": "x", "image": "http://["},
        {"name": "x", "tag_names": "-a"},
        {"name": "x", "tag_names": ",".join(str(n) for n in range(51))},
    ],
)
def test_what_an_item_cannot_have_is_refused(signed_in: Make, fields: dict[str, str]) -> None:
    answer = signed_in("ada", "add_item").post("/items/create", fields)
    assert answer.status_code == 400
    assert "errorlist" in answer.content.decode()
    assert not Item.objects.exists()


def test_scripts_in_names_and_tags_are_shown_as_text(make_item: Make, signed_in: Make) -> None:
    evil = "<script>alert(1)</script>"
    item = make_item(evil, evil, description=evil)
    client = signed_in()
    for path in ("/items", f"/items/{item.pk}", "/rate", f"/items?tag={evil}&q={evil}"):
        text = client.get(path).content.decode()
        assert "<script>alert" not in text, path
        assert "&lt;script&gt;" in text, path
    drawn = client.get(f"/items/{item.pk}/cover.svg")
    assert b"<script" not in drawn.content
    assert "default-src 'none'" in drawn.headers["Content-Security-Policy"]


def test_a_cover_is_the_same_each_time() -> None:
    assert cover(1, "Alien") == cover(1, "Alien") != cover(2, "Alien")
    ElementTree.fromstring(cover(3, 'A & "B" <c>'))
    assert initials("the (lost) Ark of all") == "TLA"
    assert initials("…") == "?"
