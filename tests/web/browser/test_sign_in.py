"""Signing in with a provider, in a browser: OpenID Connect with PKCE."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from .conftest import Site

pytestmark = pytest.mark.integration
OpenPage = Callable[..., Any]


def go_on(page: Any, subject: str = "ada-sub") -> None:
    """Through the provider's own page."""
    page.get_by_role("button", name="Go on with Google").click()
    page.wait_for_url("**/oauth2/authorize**")
    page.fill("input[name=sub]", subject)
    page.get_by_role("button", name=re.compile("Authorize", re.I)).click()


def test_a_person_signs_in_by_the_provider_and_leaves_with_all_data(
    open_page: OpenPage, site: Site
) -> None:
    page = open_page()
    asked: list[str] = []
    page.on(
        "request",
        lambda request: asked.append(request.url) if "/oauth2/authorize?" in request.url else None,
    )
    page.goto("/accounts/login/?next=/account")
    go_on(page)
    page.wait_for_url("**/account")
    query = parse_qs(urlsplit(asked[0]).query)
    assert query["code_challenge_method"] == ["S256"]
    assert query["code_challenge"][0]
    assert query["state"][0]
    assert "Google" in page.inner_text("dl")
    assert "ada@example.org" in page.inner_text("dl")

    # A second sign-in finds the same account, and a replayed answer of the provider none.
    answered: list[str] = []
    page.on(
        "request",
        lambda request: answered.append(request.url) if "/callback/" in request.url else None,
    )
    name = page.inner_text("dd >> nth=0")
    page.get_by_role("button", name="Sign out").first.click()
    page.goto("/accounts/login/?next=/account")
    go_on(page)
    page.wait_for_url("**/account")
    assert page.inner_text("dd >> nth=0") == name
    page.get_by_role("button", name="Sign out").first.click()
    page.goto(answered[0])
    page.goto("/account")
    assert "/accounts/login/" in page.url

    page.goto("/accounts/login/?next=/account")
    go_on(page)
    page.wait_for_url("**/account")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download my data").click()
    assert "ada-sub" in download.value.path().read_text()
    page.get_by_role("link", name="Delete my account").click()
    page.fill("#username", name)
    page.get_by_role("button", name="Delete").click()
    page.wait_for_url("**/")
    assert "are removed" in page.inner_text(".messages")


def test_a_provider_that_refuses_signs_nobody_in(open_page: OpenPage) -> None:
    page = open_page()
    page.goto("/accounts/login/")
    page.get_by_role("button", name="Go on with Google").click()
    page.wait_for_url("**/oauth2/authorize**")
    page.get_by_role("button", name=re.compile("Deny", re.I)).click()
    page.wait_for_url("**/accounts/**")
    page.goto("/account")
    assert "/accounts/login/" in page.url


def test_an_answer_that_nobody_asked_for_signs_nobody_in(open_page: OpenPage) -> None:
    page = open_page()
    for query in ("code=x&state=y", "state=y", "error=server_error", "code=<script>alert(1)"):
        answer = page.goto(f"/accounts/oidc/google/login/callback/?{query}")
        assert answer is not None
        assert answer.status < 500, query
        assert "<script>alert" not in page.content()
    page.goto("/account")
    assert "/accounts/login/" in page.url


def test_an_address_is_no_proof_of_an_account(open_page: OpenPage, site: Site) -> None:
    """A password account with the provider's address stays its owner's."""
    page = open_page()
    page.goto("/accounts/signup/")
    page.fill("#id_username", "owner")
    page.fill("#id_email", "ada@example.org")
    for field in ("#id_password1", "#id_password2"):
        page.fill(field, "violet-canyon-9")
    page.click("main form button[type=submit]")
    page.wait_for_url("**/")
    page.get_by_role("button", name="Sign out").first.click()
    page.goto("/accounts/login/?next=/account")
    go_on(page)
    page.wait_for_load_state()
    page.goto("/account")
    assert "owner" not in page.inner_text("main")
