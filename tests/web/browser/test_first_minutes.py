"""A person's first ten minutes: sign up, rate, see why; with a script, without, by keyboard."""

import re
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from .conftest import Site

pytestmark = pytest.mark.integration
OpenPage = Callable[..., Any]


def ratings(site: Site, name: str) -> list[tuple[int, float]]:
    with sqlite3.connect(site.out / "site.sqlite3") as database:
        return database.execute(
            "SELECT item_id, rating FROM ratings_interaction WHERE user_id ="
            " (SELECT id FROM people_user WHERE username = ?) ORDER BY 1",
            (name,),
        ).fetchall()


def sign_up(page: Any, name: str) -> None:
    page.goto("/accounts/signup/")
    page.fill("#id_username", name)
    for field in ("#id_password1", "#id_password2"):
        page.fill(field, "violet-canyon-9")
    page.click("main form button[type=submit]")
    page.wait_for_url("**/")


def test_a_newcomer_rates_and_sees_why(open_page: OpenPage, site: Site) -> None:
    page = open_page(viewport={"width": 400, "height": 850})
    sign_up(page, "newcomer")
    page.get_by_role("link", name="Rate", exact=True).first.click()
    assert "10 more" in page.inner_text("main")
    assert ratings(site, "newcomer") == []
    card = page.locator(".cards > li").nth(0)
    card.locator("label").nth(8).click()  # 4.5 stars, stored without a button
    card.locator("output:has-text('4.5')").wait_for()
    assert [rating for _, rating in ratings(site, "newcomer")] == [4.5]
    assert page.inner_text("#told") == "4.5"

    skipped = page.locator(".cards > li").nth(1)
    skipped.get_by_role("button", name="Not interested").click()
    skipped.get_by_text("not interested").wait_for()
    skipped.get_by_role("button", name="Undo").click()
    skipped.get_by_text("not rated").wait_for()
    assert len(ratings(site, "newcomer")) == 1

    # Keyboard alone: into the stars, four to the right, and rest.
    keyed = page.locator(".cards > li").nth(2)
    keyed.locator("input[type=radio]").first.focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    keyed.locator("output:has-text('2.5')").wait_for()
    assert sorted(rating for _, rating in ratings(site, "newcomer")) == [2.5, 4.5]

    before = page.inner_text(".cards")
    page.reload()
    assert page.locator(".cards > li").nth(0).locator("output").inner_text() == "4.5"
    page.get_by_role("button", name="Show others").click()
    assert page.inner_text(".cards") != before

    page.get_by_role("link", name="For you").first.click()
    row = page.locator("section.row").filter(has_text="New to you")
    row.locator("summary").first.click()
    assert re.search(r"\d+ ratings? of 4 and above", row.inner_text())
    assert "It leaves this row when you rate it" in row.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_without_scripts_the_same_forms_work(open_page: OpenPage, site: Site) -> None:
    page = open_page(java_script_enabled=False)
    sign_up(page, "scriptless")
    page.goto("/rate")
    card = page.locator(".cards > li").nth(0)
    card.get_by_role("button", name="Save").click()
    assert "nothing was stored" in page.inner_text(".messages")
    assert ratings(site, "scriptless") == []
    card = page.locator(".cards > li").nth(0)
    card.locator("label").nth(5).click()
    card.get_by_role("button", name="Save").click()
    assert [rating for _, rating in ratings(site, "scriptless")] == [3.0]
    page.locator(".cards > li").nth(0).get_by_role("button", name="Undo").click()
    assert ratings(site, "scriptless") == []
    page.locator(".cards > li").nth(1).get_by_role("button", name="Skip").click()
    assert page.locator(".card.dismissed").count() == 1


def test_a_form_from_before_another_sign_in(open_page: OpenPage, site: Site) -> None:
    """Signing in changes the token: the old tab is loaded anew, and stores nothing."""
    old = open_page("ada")
    old.goto("/rate")
    new = old.context.new_page()
    new.goto("/account")
    new.get_by_role("button", name="Sign out").first.click()
    sign_up(new, "second")
    with old.expect_navigation():
        old.locator(".cards > li").nth(0).locator("label").nth(7).click()
    assert ratings(site, "second") == []
    assert ratings(site, "ada") == []
    old.locator(".cards > li").nth(0).locator("label").nth(7).click()
    old.locator("output:has-text('4.0')").wait_for()
    assert [rating for _, rating in ratings(site, "second")] == [4.0]


@pytest.mark.nightly
def test_two_tabs_rate_one_item_and_the_last_counts(open_page: OpenPage, site: Site) -> None:
    page = open_page()
    sign_up(page, "tabs")
    page.goto("/items/1")
    other = page.context.new_page()
    other.goto("/items/1")
    page.locator("label").nth(1).click()
    page.locator("output:has-text('1.0')").wait_for()
    other.locator("label").nth(9).click()
    other.locator("output:has-text('5.0')").wait_for()
    assert ratings(site, "tabs") == [(1, 5.0)]


def test_nothing_of_a_person_is_left_in_the_browser(open_page: OpenPage) -> None:
    page = open_page("boris")
    page.goto("/ratings")
    page.get_by_role("button", name="Sign out").first.click()
    page.wait_for_url("**/")
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0
    page.go_back()
    page.wait_for_load_state()
    assert "You have rated" not in page.inner_text("main")
