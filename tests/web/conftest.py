"""Django with an empty database of its own: SQLite in memory, or what DATABASE_URL names."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import django
import pytest
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "web.recsys.settings.dev")
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # quick
settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
settings.WHITENOISE_USE_FINDERS = settings.WHITENOISE_AUTOREFRESH = True
settings.ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
django.setup()

from django.db import connection, transaction  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import setup_test_environment, teardown_test_environment  # noqa: E402


@pytest.fixture(scope="session")
def database() -> Iterator[None]:
    """The tables, made by the migrations, once a run."""
    setup_test_environment(debug=False)
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    yield
    connection.creation.destroy_test_db(name, verbosity=0)
    teardown_test_environment()


@pytest.fixture
def db(database: None) -> Iterator[None]:
    """What the test writes is rolled back."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture
def make_user(db: None) -> Callable[..., Any]:
    """make_user("ada", *permissions, staff=False): an account; its password is secret-of-ada."""
    from django.contrib.auth.models import Permission

    from web.people.models import User

    def make(name: str, *permissions: str, staff: bool = False, superuser: bool = False) -> User:
        user = User.objects.create_user(
            name,
            f"{name}@example.org",
            f"secret-of-{name}",
            is_staff=staff,
            is_superuser=superuser,
        )
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        return user

    return make


@pytest.fixture
def make_item(db: None) -> Callable[..., Any]:
    """make_item("Alien", "Horror", "Sci-Fi", popularity=0.5): an item with those tags."""
    from web.catalog.models import Item, Tag

    def make(name: str, *tags: str, **fields: Any) -> Item:
        item = Item.objects.create(name=name, **fields)
        item.tags.set([Tag.objects.get_or_create(name=tag)[0] for tag in tags])
        return item

    return make


@pytest.fixture
def signed_in(make_user: Callable[..., Any]) -> Callable[..., Client]:
    """signed_in("ada", *permissions): a client of that new account; client.user is the account."""

    def sign_in(name: str = "ada", *permissions: str, **roles: bool) -> Client:
        client = Client()
        client.user = make_user(name, *permissions, **roles)  # type: ignore[attr-defined]
        client.force_login(client.user)  # type: ignore[attr-defined]
        return client

    return sign_in


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    from django.core.cache import cache

    cache.clear()
