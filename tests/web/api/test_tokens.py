"""Tokens: made once, known by a hash, taken until they expire or are revoked."""

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from web.api.models import Token

Make = Callable[..., Any]


def test_a_token_is_taken_under_both_words(api: Make) -> None:
    client = api()
    for word in ("Token", "Bearer", "token"):
        client.credentials(HTTP_AUTHORIZATION=f"{word} {client.secret}")
        assert client.get("/api/users/").status_code == 200
    assert Token.objects.get().last_used_at is not None


def test_only_a_hash_is_stored(api: Make) -> None:
    client = api()
    row = Token.objects.values().get()
    assert not any(client.secret in str(value) for value in row.values())
    assert client.secret.startswith(row["start"])


@pytest.mark.parametrize("header", ["", "Token", "Token a b", "Token x", "Token \xff", "Basic eA=="])
def test_without_a_token_nothing_is_told(db: None, header: str) -> None:
    answer = APIClient().get("/api/items/", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Token"
    assert answer.json()["message"]


@pytest.mark.parametrize("how", ["expired", "revoked", "closed", "removed"])
def test_a_token_that_is_played_again_later_is_refused(api: Make, how: str) -> None:
    client = api()
    assert client.get("/api/items/").status_code == 200
    if how == "expired":
        Token.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    elif how == "revoked":
        page = Client()
        page.force_login(client.user)
        page.post(f"/account/tokens/{client.token.pk}/revoke")
    elif how == "closed":
        client.user.is_active = False
        client.user.save()
    else:
        client.user.delete()
    answer = client.get("/api/items/")
    assert answer.status_code == 401
    assert {"expired": "expired on", "closed": "closed"}.get(how, "revoked") in str(answer.data)


def test_a_token_does_what_its_scopes_say_and_no_more(api: Make, make_item: Make) -> None:
    item = make_item("Alien")
    reader, writer = api("ada", "read"), api("bob", "write:ratings")
    rating = {"item": item.pk, "rating": 4}
    refused = reader.post("/api/interactions/", rating, "json")
    assert (refused.status_code, refused.data["message"]) == (
        403,
        "the token lacks the scope write:ratings",
    )
    assert writer.get("/api/interactions/").status_code == 403
    assert writer.post("/api/interactions/", rating, "json").status_code == 201


def test_tokens_are_made_and_revoked_on_the_account_page(signed_in: Make) -> None:
    client, other = signed_in(), signed_in("eve")
    assert client.get("/account/tokens").status_code == 200
    assert "/account/tokens" in client.get("/account").content.decode()
    form = {"name": "<script>", "scopes": ["read"], "days": 30}
    page = client.post("/account/tokens", form)
    secret = page.context["secret"]
    assert secret in page.content.decode()
    assert "<script>" not in page.content.decode().split("<main")[1]
    assert secret not in client.get("/account/tokens").content.decode()
    asked = APIClient(HTTP_AUTHORIZATION=f"Token {secret}").get("/api/users/")
    assert [one["username"] for one in asked.json()["results"]] == ["ada"]
    token = Token.objects.get()
    assert timedelta(days=29) < token.expires_at - timezone.now() <= timedelta(days=30)
    assert other.post(f"/account/tokens/{token.pk}/revoke").status_code == 404
    assert client.get(f"/account/tokens/{token.pk}/revoke").status_code == 405
    client.post(f"/account/tokens/{token.pk}/revoke")
    assert not Token.objects.exists()


@pytest.mark.parametrize(
    "change", [{"days": 0}, {"days": 9999}, {"scopes": ["everything"]}, {"scopes": []}, {"name": ""}]
)
def test_a_form_that_is_wrong_makes_no_token(signed_in: Make, change: dict[str, Any]) -> None:
    form = {"name": "x", "scopes": ["read"], "days": 30} | change
    assert signed_in().post("/account/tokens", form).status_code == 400
    assert not Token.objects.exists()


def test_nobody_makes_tokens_without_end(signed_in: Make) -> None:
    client = signed_in()
    for _ in range(51):
        page = client.post("/account/tokens", {"name": "x", "scopes": ["read"], "days": 1})
    assert page.status_code == 400
    assert Token.objects.count() == 50


def test_in_the_administration_a_token_of_another_is_for_superusers(
    signed_in: Make, make_user: Make
) -> None:
    root = make_user("root", superuser=True)
    staff = signed_in("staff", "add_token", "view_token", staff=True)
    form = {"user": root.pk, "name": "x", "scopes": ["read"], "days": 5}
    assert staff.get("/admin/api/token/add/").status_code == 200
    staff.post("/admin/api/token/add/", form)
    assert not Token.objects.exists()
    page = staff.post("/admin/api/token/add/", form | {"user": staff.user.pk}, follow=True)
    assert "recsys_" in page.content.decode()
    token = Token.objects.get()
    assert token.user == staff.user
    shown = staff.get(f"/admin/api/token/{token.pk}/change/").content.decode()
    assert token.digest not in shown
    boss = signed_in("boss", superuser=True, staff=True)
    boss.post("/admin/api/token/add/", form)
    assert Token.objects.filter(user=root).exists()


def test_the_command_prints_a_token(make_user: Make) -> None:
    make_user("ada")
    out = io.StringIO()
    call_command("token", "ada", "--scope", "read", "--scope", "write:ratings", stdout=out)
    client = APIClient(HTTP_AUTHORIZATION=f"Token {out.getvalue().strip()}")
    assert client.get("/api/items/").status_code == 200
    for wrong in (["nobody"], ["ada", "--scope", "all"], ["ada", "--days", "0"]):
        with pytest.raises(CommandError) as raised:
            call_command("token", *wrong)
        assert raised.value.returncode == 2
