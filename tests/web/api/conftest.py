"""Clients of the API, in the same process."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from rest_framework.test import APIClient


@pytest.fixture
def api(make_user: Callable[..., Any]) -> Callable[..., APIClient]:
    """api("ada", "read", "write:ratings", manager=False, staff=False): a client with a token.

    client.user is the account, client.token the row, client.secret the text.
    """
    from web.api.tokens import make_token

    def start(name: str = "ada", *scopes: str, manager: bool = False, **roles: bool) -> APIClient:
        permissions = ("api_management",) if manager else ()
        client = APIClient()
        client.user = make_user(name, *permissions, **roles)
        wanted = scopes or ("read", "write:ratings", "write:items", "write:models", "write:users")
        client.token, client.secret = make_token(client.user, "test", wanted)
        client.credentials(HTTP_AUTHORIZATION=f"Token {client.secret}")
        return client

    return start


@pytest.fixture(autouse=True)
def _limits_of_this_test(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "LIMITS_DIR", tmp_path / "limits")
