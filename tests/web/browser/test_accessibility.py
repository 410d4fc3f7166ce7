"""axe finds nothing serious on any page, light or dark, and none is wider than a narrow screen."""

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

pytestmark = pytest.mark.integration

OPEN = ["/", "/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", "/nowhere"]
SIGNED_IN = [
    "/",
    "/rate",
    "/recommendations",
    "/items",
    "/items?tag=Drama&tag=-Comedy",
    "/items/1",
    "/items/create",
    "/items/1/edit",
    "/items/1/remove",
    "/ratings",
    "/quality",
    "/account",
    "/account/delete",
    "/accounts/email/",
    "/accounts/password/change/",
    "/accounts/3rdparty/",
    "/accounts/logout/",
]


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.nightly)])
def test_axe_finds_nothing_serious(open_page: Callable[..., Any], scheme: str) -> None:
    axe = Axe()
    found = []
    for person, paths in ((None, OPEN), ("admin", SIGNED_IN)):
        page = open_page(person, color_scheme=scheme, viewport={"width": 400, "height": 850})
        for path in paths:
            page.goto(path)
            for summary in page.locator("main details summary").all()[:3]:
                summary.click()
            found += [
                (path, violation["id"], violation["nodes"][0]["html"][:200])
                for violation in axe.run(page).response["violations"]
                if violation["impact"] in ("serious", "critical")
            ]
            if page.evaluate("document.documentElement.scrollWidth") > 400:
                found.append((path, "wider than the screen", ""))
    assert not found
