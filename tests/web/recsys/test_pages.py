"""What every page has: language, colours, health, metrics, errors, administration."""

from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.test import Client

Make = Callable[..., Any]


@pytest.mark.parametrize(
    ("language", "words"), [("es", "Iniciar sesión"), ("ru", "Войти"), ("en", "Sign in")]
)
def test_pages_are_in_the_language_of_the_person(db: None, language: str, words: str) -> None:
    page = Client().get("/", headers={"Accept-Language": language}).content.decode()
    assert words in page
    assert f'<html lang="{language}"' in page
    client = Client()
    client.post("/language", {"language": language, "next": "/"})
    assert words in client.get("/").content.decode()


def test_colours_are_chosen_and_kept(db: None) -> None:
    client = Client()
    assert "data-theme" not in client.get("/").content.decode()
    client.post("/theme", {"theme": "dark"})
    assert 'data-theme="dark"' in client.get("/").content.decode()
    client.post("/theme", {"theme": '"><script>'})
    assert "data-theme" not in client.get("/").content.decode()


def test_health(db: None) -> None:
    assert Client().get("/health/live").json() == {"status": "alive"}
    assert Client().get("/health/ready").json() == {"status": "ready"}


def test_metrics_are_for_this_machine_or_a_token(
    db: None, make_item: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_item("Alien")
    Client().get("/health/live")
    text = Client().get("/metrics").content.decode()
    assert 'recsys_rows{table="items"} 1.0' in text
    assert 'page="health_live"' in text
    assert Client(REMOTE_ADDR="192.0.2.1").get("/metrics").status_code == 403
    assert Client().get("/metrics", headers={"X-Forwarded-For": "1.2.3.4"}).status_code == 403
    monkeypatch.setenv("METRICS_TOKEN", "secret")
    assert Client().get("/metrics").status_code == 403
    token = {"Authorization": "Bearer secret"}
    assert Client(REMOTE_ADDR="192.0.2.1").get("/metrics", headers=token).status_code == 200


def test_a_page_that_is_not_there(db: None) -> None:
    page = Client().get("/nowhere")
    assert page.status_code == 404
    assert "There is no such page" in page.content.decode()


def test_every_table_is_in_the_administration_with_search_and_filters(signed_in: Make) -> None:
    client = signed_in("root", superuser=True, staff=True)
    ours = ("people", "catalog", "ratings", "recommendations")
    for model in (m for app in ours for m in apps.get_app_config(app).get_models()):
        registered = admin.site.get_model_admin(model)
        assert registered.search_fields, model
        assert registered.list_filter or model.__name__ == "Tag", model
        address = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        assert client.get(f"{address}?q=1").status_code == 200
        assert client.get(f"{address}add/").status_code == 200
    assert client.get("/admin/auth/permission/").status_code == 200


def test_permissions_that_exist(db: None) -> None:
    from django.contrib.auth.models import Permission

    names = {"info", "reset_interactions", "api_management", "airflow_management"}
    assert names <= set(Permission.objects.values_list("codename", flat=True))


def test_the_administration_is_for_staff(signed_in: Make) -> None:
    assert signed_in("ada").get("/admin/").status_code in (302, 403)
    assert Client().get("/admin/login/").headers["Location"].startswith("/accounts/login/")
