"""The tables refuse what must not be in them; settings for production refuse to start unsafe."""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.test import Client

from web.catalog.models import validate_image
from web.people.ids import FIRST_ACCOUNT_ID, reserve_loaded_ids
from web.ratings.models import Interaction


def test_an_account_has_an_id_above_those_of_loaded_people(make_user: Callable[..., Any]) -> None:
    first, second = make_user("ada"), make_user("bob")
    assert first.id >= FIRST_ACCOUNT_ID
    reserve_loaded_ids("default")
    assert make_user("eve").id == second.id + 1


@pytest.mark.parametrize("rating", [0, 0.4, 5.5, -1])
def test_what_is_no_rating_cannot_be_stored(make_item: Callable[..., Any], rating: float) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Interaction.objects.create(user_id=1, item=make_item("Alien"), rating=rating)


def test_a_person_rates_an_item_once(make_item: Callable[..., Any]) -> None:
    item = make_item("Alien")
    Interaction.objects.create(user_id=1, item=item, rating=4)
    with pytest.raises(IntegrityError), transaction.atomic():
        Interaction.objects.create(user_id=1, item=item, rating=2)


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "data:text/html,x", "//evil.example/x", "x.png", "https:"],
)
def test_an_address_that_is_no_picture_is_refused(address: str) -> None:
    with pytest.raises(ValidationError):
        validate_image(address)


def test_models_and_migrations_agree(db: None) -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


def test_pages_say_what_a_browser_may_load(db: None) -> None:
    policy = Client().get("/").headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy


@pytest.mark.integration
@pytest.mark.parametrize(
    ("variables", "complaint"),
    [
        ({"ALLOWED_HOSTS": "example.org"}, "set SECRET_KEY"),
        ({"SECRET_KEY": "short", "ALLOWED_HOSTS": "example.org"}, "set SECRET_KEY"),
        ({"SECRET_KEY": "k" * 50}, "set ALLOWED_HOSTS"),
        ({"SECRET_KEY": "k" * 50, "ALLOWED_HOSTS": "*"}, "set ALLOWED_HOSTS"),
        (
            {"SECRET_KEY": "k" * 50, "ALLOWED_HOSTS": "example.org", "INSECURE_HTTP": "1"},
            "INSECURE_HTTP is for",
        ),
        (
            {
                "SECRET_KEY": "k" * 50,
                "ALLOWED_HOSTS": "example.org",
                "DATABASE_URL": "oracle://localhost/x",
            },
            "DATABASE_URL names",
        ),
    ],
)
def test_production_does_not_start_unsafe(variables: dict[str, str], complaint: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", "import web.recsys.settings.production"],
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode != 0
    assert complaint in ran.stderr
