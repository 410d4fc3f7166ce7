"""Rating: what is stored, what is not, what another tab does meanwhile."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from web.catalog.models import Item
from web.ratings.models import Dismissal, Interaction
from web.ratings.picks import telling
from web.ratings.store import dismiss, parse_rating, rate, undo

Make = Callable[..., Any]


@pytest.mark.parametrize("text", ["0", "0.0", "0.3", "5.5", "-1", "nan", "inf", "", "x", "1e400"])
def test_what_is_no_rating_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # of float() too
        parse_rating(text)


def test_a_card_that_is_left_alone_is_not_stored(make_item: Make, signed_in: Make) -> None:
    client, item = signed_in(), make_item("Alien")
    client.post(f"/rate/{item.pk}", {"action": "rate"})
    assert client.post(f"/rate/{item.pk}", {"rating": "0"}).status_code == 400
    assert not Interaction.objects.exists()


def test_a_rating_is_stored_changed_and_taken_back(make_item: Make, signed_in: Make) -> None:
    client, item = signed_in(), make_item("Alien")
    for rating, revision in (("4.5", 1), ("4.5", 1), ("2", 2)):
        client.post(f"/rate/{item.pk}", {"rating": rating})
        stored = Interaction.objects.get()
        assert (stored.user_id, stored.rating, stored.revision) == (
            client.user.pk,
            float(rating),
            revision,
        )
    item.refresh_from_db()
    assert (item.votes, item.rating) == (1, 2)
    client.post(f"/rate/{item.pk}", {"action": "undo"})
    item.refresh_from_db()
    assert item.votes == 0
    assert not Interaction.objects.exists()


def test_a_dismissal_is_no_rating_and_a_rating_takes_it_back(make_item: Make) -> None:
    item = make_item("Alien")
    dismiss(1, item.pk, Dismissal.Kind.SKIP)
    dismiss(1, item.pk, Dismissal.Kind.NOT_INTERESTED)
    assert Dismissal.objects.get().kind == "not_interested"
    assert not Interaction.objects.exists()
    rate(1, item.pk, 3)
    assert not Dismissal.objects.exists()
    dismiss(1, item.pk, Dismissal.Kind.SKIP)
    assert Interaction.objects.get().rating == 3
    undo(1, item.pk)
    assert not Dismissal.objects.exists()


def test_two_tabs_rate_one_item(
    make_item: Make, signed_in: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, item = signed_in(), make_item("Alien")
    changed = Interaction.objects.filter
    first = [True]

    def other_tab_is_first(*args: Any, **kwargs: Any) -> Any:
        found = changed(*args, **kwargs)
        if first and not found.exists():
            first.clear()
            empty = found.none()
            Interaction.objects.create(user_id=client.user.pk, item=item, rating=1)
            return empty
        return found

    monkeypatch.setattr(Interaction.objects, "filter", other_tab_is_first)
    rate(client.user.pk, item.pk, 5)
    monkeypatch.undo()
    assert Interaction.objects.get().rating == 5


def test_an_item_that_is_removed_while_it_is_shown(make_item: Make, signed_in: Make) -> None:
    client, item = signed_in(), make_item("Alien")
    make_item("Heat")
    assert "Alien" in client.get("/rate").content.decode()
    Item.objects.filter(pk=item.pk).delete()
    for action in ("rate", "skip", "not_interested", "undo"):
        post = {"action": action, "rating": "4"}
        assert client.post(f"/rate/{item.pk}", post).status_code == 404
        part = client.post(f"/rate/{item.pk}", post, headers={"X-Part": "1"})
        assert (part.status_code, "was removed" in part.content.decode()) == (404, True)
    page = client.get("/rate").content.decode()
    assert "Alien" not in page
    assert "Heat" in page


def test_a_script_gets_the_card_alone(make_item: Make, signed_in: Make) -> None:
    client, item = signed_in(), make_item("Alien")
    part = client.post(f"/rate/{item.pk}", {"rating": "4"}, headers={"X-Part": "1"})
    text = part.content.decode()
    assert "<html" not in text
    assert 'value="4.0" checked' in text
    skipped = client.post(f"/rate/{item.pk}", {"action": "skip"}, headers={"X-Part": "1"})
    assert 'value="undo"' in skipped.content.decode()


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "javascript:alert(1)"]
)
def test_next_leads_nowhere_else(make_item: Make, signed_in: Make, target: str) -> None:
    item = make_item("Alien")
    client = signed_in()
    answer = client.post(f"/rate/{item.pk}", {"rating": "4", "next": target})
    assert answer.headers["Location"] == "/rate"
    assert client.post("/theme", {"theme": "dark", "next": target}).headers["Location"] == "/"
    fine = client.post(f"/rate/{item.pk}", {"rating": "4", "next": "/items"})
    assert fine.headers["Location"] == "/items"


def test_forms_without_the_token_are_refused(make_item: Make, signed_in: Make) -> None:
    item = make_item("Alien")
    client = Client(enforce_csrf_checks=True)
    client.force_login(signed_in().user)
    for path in (f"/rate/{item.pk}", "/rate/more", "/ratings/import", "/ratings/reset", "/theme"):
        answer = client.post(path, {"rating": "4"})
        assert answer.status_code == 403
        assert "expired" in answer.content.decode()
    assert not Interaction.objects.exists()


def test_the_first_items_are_those_that_tell_most(make_item: Make) -> None:
    agreed, disputed, unknown = (make_item(n) for n in ("agreed", "disputed", "unknown"))
    for user in range(10):
        Interaction.objects.create(user_id=user, item=agreed, rating=4)
        Interaction.objects.create(user_id=user, item=disputed, rating=1 if user % 2 else 5)
    Item.objects.exclude(pk=unknown.pk).update(votes=10, likes=5)
    assert telling(99, 3) == [disputed.pk, agreed.pk, unknown.pk]
    dismiss(99, disputed.pk, "skip")
    assert telling(99, 1) == [agreed.pk]
    agreed.delete()  # after it was counted
    assert telling(99, 1) == [unknown.pk]


def test_first_items_differ_in_their_tags(make_item: Make) -> None:
    films = [make_item(f"war {n}", "War") for n in range(3)] + [make_item("love", "Romance")]
    for item in films:
        for user in range(10):
            Interaction.objects.create(user_id=user, item=item, rating=1 if user % 2 else 5)
    Item.objects.update(votes=10, likes=5)
    assert films[3].pk in telling(99, 2)
