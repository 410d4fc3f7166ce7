"""One's own account: what is shown, taken along, and removed."""

import json
from collections.abc import Callable
from typing import Any

from django.test import Client

from web.people.models import User
from web.ratings.models import Dismissal, Interaction
from web.recommendations.models import SimilarityMatrix, SimilarityMatrixCell

Make = Callable[..., Any]


def _rated(client: Any, item: Any) -> None:
    Interaction.objects.create(user_id=client.user.pk, item=item, rating=4)
    people, _ = SimilarityMatrix.objects.get_or_create(name="people", type=1, version=1)
    SimilarityMatrixCell.objects.create(
        matrix=people, version=1, row=client.user.pk, column=7, value=0.5
    )


def test_what_is_downloaded_is_ones_own(make_item: Make, signed_in: Make) -> None:
    ada, eve = signed_in("ada"), signed_in("eve")
    alien, heat = make_item("Alien"), make_item("Heat")
    _rated(ada, alien)
    _rated(eve, heat)
    data = json.loads(ada.get("/account/download").content)
    assert data["account"]["username"] == "ada"
    assert [one["item__name"] for one in data["ratings"]] == ["Alien"]
    assert data["similar_people"][0]["column"] == 7
    assert "eve" not in json.dumps(data)
    assert "password" not in data["account"]


def test_an_account_goes_with_all_it_rated(make_item: Make, signed_in: Make) -> None:
    ada, eve, item = signed_in("ada"), signed_in("eve"), make_item("Alien")
    other_browser = Client()
    other_browser.force_login(ada.user)
    for client in (ada, eve):
        _rated(client, item)
    Dismissal.objects.create(user_id=ada.user.pk, item=make_item("Heat"), kind="skip")
    assert ada.get("/account/delete").status_code == 200
    assert ada.post("/account/delete", {"username": "ada", "password": "no"}).status_code == 400
    assert ada.post("/account/delete", {"username": "eve"}).status_code == 400
    assert User.objects.filter(username="ada").exists()
    ada.post("/account/delete", {"username": "ada", "password": "secret-of-ada"})
    assert not User.objects.filter(username="ada").exists()
    assert Interaction.objects.get().user_id == eve.user.pk
    assert SimilarityMatrixCell.objects.get().row == eve.user.pk
    assert not Dismissal.objects.exists()
    item.refresh_from_db()
    assert item.votes == 1
    for client in (ada, other_browser):
        assert client.get("/account").status_code == 302


def test_signing_out_is_a_post(signed_in: Make) -> None:
    client = signed_in()
    client.get("/accounts/logout/")
    assert client.get("/account").status_code == 200
    client.post("/accounts/logout/")
    assert client.get("/account").status_code == 302


def test_pages_of_a_person_are_not_kept_by_caches(signed_in: Make) -> None:
    assert signed_in().get("/account").headers["Cache-Control"] == "no-store"


def test_signing_up_signing_in_and_next(db: None) -> None:
    client = Client()
    account = {"username": "ada", "password1": "violet-canyon-9", "password2": "violet-canyon-9"}
    client.post("/accounts/signup/", account)
    assert client.get("/account").status_code == 200
    client.post("/accounts/logout/")
    page = client.post(
        "/accounts/login/?next=https://evil.example/",
        {"login": "ada", "password": "violet-canyon-9", "next": "https://evil.example/"},
    )
    assert page.headers["Location"] == "/"
    assert not User.objects.get().is_staff
    # What is not in the form is not taken from it.
    Client().post("/accounts/signup/", {**account, "username": "eve", "is_staff": "1"})
    assert not User.objects.get(username="eve").is_staff


def test_tries_of_passwords_are_limited(make_user: Make) -> None:
    make_user("ada")
    client = Client()
    for _ in range(12):
        page = client.post("/accounts/login/", {"login": "ada", "password": "guess"})
    page = client.post("/accounts/login/", {"login": "ada", "password": "secret-of-ada"})
    assert page.status_code != 302 or client.get("/account").status_code == 302
