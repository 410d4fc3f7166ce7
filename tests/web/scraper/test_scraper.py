"""The scraper against the access log of a local site; kill -9 included."""

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from parsel import Selector

from web.scraper import reading
from web.scraper.config import Config, ConfigError
from web.scraper.robots import RobotsError, read_robots
from web.scraper.spider import seconds_of

from .shop_site import Site, serving, shop

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "web/scraper/example.yml"
DELAY = 0.1


def written(place: Path, site: Site, **changes: Any) -> Path:
    said = yaml.safe_load(EXAMPLE.read_text())
    said |= {"start": f"{site.url}/search", "delay": 0.02, "review_pages": 2} | changes
    path = place / "shop.yml"
    path.write_text(yaml.safe_dump(said))
    return path


def started(config: Path, out: Path) -> "subprocess.Popen[str]":
    words = [sys.executable, "-m", "web.scraper", str(config), str(out)]
    return subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE, text=True)


def scraped(config: Path, out: Path, code: int = 0) -> str:
    running = started(config, out)
    said = running.communicate(timeout=60)[1]
    assert running.returncode == code, said
    return said


def products(out: Path) -> dict[str, Any]:
    return {path.stem: json.loads(path.read_text()) for path in out.glob("*.json")}


WHOLE = {"P0", "P0-red", "P1", "P2", "P3", "P4", "P5"}
PAGES = {"/search", "/search2", *(f"/p/{n}" for n in range(6)), "/v/0", "/r/0/1", "/r/0/2"}
PAGES |= {f"/r/{n}/1" for n in range(1, 6)}


@pytest.mark.integration
def test_asks_once_slowly_and_only_for_what_is_allowed(tmp_path: Path) -> None:
    with serving(shop()) as site:
        scraped(written(tmp_path, site), tmp_path / "out")
        assert Counter(site.paths()) == Counter(PAGES)  # no third page of reviews
        assert site.most_at_once == 1
        times = [when for when, _, _ in site.log]
        gaps = [b - a for a, b in pairwise(times)]
        # robots.txt asks for more than the config. The site's clock may be late for one request
        # and not for the next, but not for all of them.
        assert min(gaps) >= DELAY * 0.5
        assert times[-1] - times[0] >= DELAY * 0.95 * len(gaps)
        assert {agent for _, _, agent in site.log} == {"my-scraper (+mailto:me@example.org)"}
        found = products(tmp_path / "out")
        assert set(found) == WHOLE
        assert [r["user"] for r in found["P0"]["reviews"]] == ["user 1", "user 2"]
        assert found["P0"]["variants"] == [{"id": "P0-red", "url": f"{site.url}/v/0"}]
        assert found["P0-red"]["reviews"] == []  # of one list, which P0 has
        assert (found["P1"]["price"], found["P1"]["reviews_count"]) == (1234.5, 1203)
        # Once more: nothing is left to ask for.
        before = len(site.paths())
        scraped(written(tmp_path, site), tmp_path / "out")
        assert len(site.paths()) == before


@pytest.mark.integration
def test_goes_on_after_kill_9(tmp_path: Path) -> None:
    with serving(shop()) as site:
        config, out = written(tmp_path, site), tmp_path / "out"
        for most in (4, 9):
            running = started(config, out)
            until = time.monotonic() + 30
            while len(site.paths()) < most and time.monotonic() < until:
                time.sleep(0.01)
            running.send_signal(signal.SIGKILL)
            running.communicate()
            assert len(site.paths()) >= most
        scraped(config, out)
        asked = Counter(site.paths())
        assert set(asked) == PAGES
        # Only the page under way may be asked for again, one for each kill.
        assert sum(asked.values()) <= len(PAGES) + 2
        assert set(products(out)) == WHOLE
        assert len(products(out)["P0"]["reviews"]) == 2


@pytest.mark.integration
@pytest.mark.nightly
def test_waits_longer_each_time_and_as_long_as_it_is_asked(tmp_path: Path) -> None:
    site = shop()
    site.refusals["/p/1"] = [(503, {}), (503, {}), (429, {"Retry-After": "1"})]
    site.page("/p/2", "", 302, Location="/private/secret")
    site.page("/p/3", "", 302, Location="/p/3b")
    site.page("/p/3b", "", 302, Location="/p/3")
    del site.pages["/p/4"]
    with serving(site):
        said = scraped(written(tmp_path, site), tmp_path / "out")
        times = [when for when, path, _ in site.log if path == "/p/1"]
        gaps = [b - a for a, b in pairwise(times)]
        assert len(gaps) == 3
        assert gaps[0] >= 2 * DELAY * 0.9
        assert gaps[1] >= 4 * DELAY * 0.9
        assert gaps[2] >= 1
        assert not any(path.startswith("/private") for path in site.paths())
        assert set(products(tmp_path / "out")) == {"P0", "P0-red", "P1", "P5"}
        assert "2 disallowed" in said
        assert "1 gone" in said


@pytest.mark.integration
def test_stops_where_the_site_wants_no_more_or_has_changed(tmp_path: Path) -> None:
    site = shop()
    site.refusals["/p/0"] = [(429, {"Retry-After": "3600"})]
    with serving(site):
        said = scraped(written(tmp_path, site), tmp_path / "out", code=1)
        assert "run again later" in said
        assert site.paths() == ["/search", "/p/0"]
    changed = shop()
    for n in range(6):
        changed.page(f"/p/{n}", "<h2>New look</h2>")
    with serving(changed):
        said = scraped(written(tmp_path, changed), tmp_path / "other", code=1)
        assert "lack what the selectors look for" in said


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_without_an_answer_on_robots_nothing_is_allowed(status: int) -> None:
    site = Site()
    site.page("/robots.txt", "", status)
    with serving(site), pytest.raises(RobotsError, match=f"answered {status}"):
        read_robots(f"{site.url}/x", "me@example.org", 5)
    with pytest.raises(RobotsError, match="nothing is asked for"):
        read_robots(f"{site.url}/x", "me@example.org", 1)


def test_a_site_without_robots_allows_all_and_one_with_is_obeyed() -> None:
    with serving(Site()) as site:
        assert read_robots(site.url, "me@example.org", 5).allows(f"{site.url}/any")
    with serving(shop()) as site:
        robots = read_robots(site.url, "me@example.org", 5)
        assert not robots.allows(f"{site.url}/private/x")
        assert robots.delay == DELAY


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"agent": "Mozilla/5.0 (me@example.org)"}, "pretend to be a browser"),
        ({"agent": "me"}, "e-mail or web address"),
        ({"delay": 0}, "delay"),
        ({"start": "ftp://x/"}, "begins with http"),
        ({"proxies": ["x"]}, "proxies: Extra inputs"),
        ({"search": {"product": "a[[::"}}, "no CSS selector"),
    ],
)
def test_a_bad_config_names_the_key(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    path = written(tmp_path, Site(url="http://x"), **change)
    with pytest.raises(ConfigError, match=said.replace("[", r"\[")):
        Config.read(path)


def test_ids_that_would_name_a_file_elsewhere_are_refused() -> None:
    css = Config.read(EXAMPLE).product
    with pytest.raises(reading.UnreadableError, match="is none"):
        reading.product(Selector('<main data-id="../x"><h1>a</h1></main>'), css)


def test_retry_after_is_seconds_or_a_date() -> None:
    assert seconds_of(b"120") == 120
    assert seconds_of(None) == seconds_of(b"soon") == 0
    assert seconds_of(b"Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert seconds_of(b"Wed, 21 Oct 2099 07:28:00 GMT") > 1e9
