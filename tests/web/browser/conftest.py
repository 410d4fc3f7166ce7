"""The site as `make web` starts it, with an invented catalogue, and Chromium."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ADA_OF_PROVIDER = {"sub": "ada-sub", "email": "ada@example.org", "email_verified": True}


class Site(NamedTuple):
    """Its address, the demo people's passwords, and where its data are."""

    url: str
    passwords: dict[str, str]
    out: Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        if process.poll() is not None:
            break
        try:
            urllib.request.urlopen(url, timeout=2)
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(log.read_text()[-3000:])


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An OpenID provider with one person."""
    port, log = free_port(), tmp_path_factory.mktemp("provider") / "log"
    program = Path(sys.executable).with_name("oidc-provider-mock")
    command = [program, "-p", str(port), "--user-claims", json.dumps(ADA_OF_PROVIDER)]
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file)
    try:
        wait(f"http://127.0.0.1:{port}/.well-known/openid-configuration", process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, provider: str) -> Iterator[Site]:
    """The site in production settings; its Google is `provider`."""
    out = tmp_path_factory.mktemp("site")
    port, log = free_port(), out / "log"
    environment = {
        **{k: v for k, v in os.environ.items() if k not in ("BOTIFY_DATA", "DATABASE_URL")},
        "GOOGLE_SERVER": provider,
        "GOOGLE_CLIENT_ID": "site",
        "GOOGLE_CLIENT_SECRET": "secret-of-the-site",
        "WEB_CONCURRENCY": "1",
    }
    command = [sys.executable, "-m", "web.deploy.local", "--port", str(port), "--out", str(out)]
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*command, "--no-similarity"], env=environment, stdout=file, stderr=file
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait(f"{url}/health/ready", process, log)
        yield Site(url, json.loads((out / "sign-in.json").read_text()), out)
    finally:
        process.terminate()
        process.wait()


# For a module, not longer: Django refuses its database to a thread that the driver's loop runs in.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Any, site: Site) -> Iterator[Callable[..., Any]]:
    """open_page(name=None, **options): a page of a new browser, signed in as that demo person.

    What the browser refuses under the site's policy fails the test.
    """
    contexts, refused = [], []

    def start(name: str | None = None, **options: Any) -> Any:
        context = chromium.new_context(base_url=site.url, **options)
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        page.on(
            "console",
            lambda message: (
                refused.append(message.text) if "Content Security Policy" in message.text else None
            ),
        )
        if name is not None:
            page.goto("/accounts/login/")
            page.fill("#id_login", name)
            page.fill("#id_password", site.passwords[name])
            page.click("main form button[type=submit]")
            page.wait_for_url("**/")
        return page

    yield start
    for context in contexts:
        context.close()
    assert not refused
