"""Every fenced command of the tutorials runs, in the order in which a reader types them."""

import json
import re
from pathlib import Path

import pytest

from .sandbox import DOCS, SMALL, Sandbox, make_sandbox

pytestmark = pytest.mark.integration

PAGES = DOCS / "tutorials"
FIRST = "first-loop"
OWN_DATA = "your-own-data"
RATINGS = "ratings"
SHOP = "shop"
NIGHTS = "nightly"
SITE = "site"
"""Walked through in tests/web: browser/test_first_minutes.py, recsys/test_prepare.py."""
NEXT = ("your-first-experiment", "your-own-recommender", "train-a-gym-agent")
MODELS = "../how-to/test-one-model-against-another"
"""A guide that goes on from the first tutorial, too."""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """The first tutorial, done on a small world."""
    sandbox = make_sandbox(tmp_path_factory.mktemp("small"), small=True)
    _check_first(sandbox.run_page(f"tutorials/{FIRST}"))
    return sandbox


def _check_first(printed: str) -> None:
    assert '"track":' in printed  # the service's answer to curl
    assert re.search(r"remote: [\d,]+ sessions", printed)
    assert "mean_session_time" in printed


def test_all_tutorials_are_tested() -> None:
    assert {page.stem for page in PAGES.glob("*.md")} == {
        FIRST,
        OWN_DATA,
        RATINGS,
        SHOP,
        NIGHTS,
        SITE,
        *NEXT,
    }


def test_what_is_made_small_is_in_the_tutorials() -> None:
    text = "".join(page.read_text("utf-8") for page in PAGES.glob("*.md"))
    for long in SMALL:
        assert re.search(long, text), long


@pytest.mark.parametrize("name", [*NEXT, MODELS])
def test_runs_on_a_small_world(name: str, small: Sandbox) -> None:
    printed = small.run_page(f"tutorials/{name}")
    expected = {
        "your-first-experiment": "Nothing is missing",
        "your-own-recommender": "is in service",
        MODELS: "report: out/demo/als-against-dae.html",
        "train-a-gym-agent": "artist bandit",
    }
    assert expected[name] in printed


def test_a_shop_is_made_served_and_visited(tmp_path: Path) -> None:
    printed = make_sandbox(tmp_path, small=True).run_page(f"tutorials/{SHOP}")
    assert "with the best items for all" in printed


def test_nights_are_published_refused_forced_and_rolled_back(tmp_path: Path) -> None:
    printed = make_sandbox(tmp_path, small=True).run_page(f"tutorials/{NIGHTS}")
    assert "exit code 1" in printed
    assert printed.count("publish: done, as before") == 1
    assert "2026-05-31  refused: the gate refused" in printed
    assert "2026-05-31  published by force" in printed
    published = re.findall(r"^published (\w+):", printed, re.M)
    serving = re.findall(r"^in service: (\w+)", printed, re.M)
    assert len(set(published)) == 2
    assert serving == [published[0]] * 3


def test_own_data_is_served_in_its_own_ids(tmp_path: Path) -> None:
    sandbox = make_sandbox(tmp_path, small=True)
    lines = ["customer,product,quantity,date,product_name"]
    for user in range(80):
        for place in range(8):  # each user buys from one of four shelves, some things elsewhere
            item = (user % 4 * 20 + (user + place * place) % 22) % 80
            product = f"SKU/{'ABCDEFGH'[item // 10]}-{item:02}"
            lines.append(
                f'cust-{user:03},{product},1,2026-05-{place + 1:02},"Thing {item}, large"'
            )
    (tmp_path / "purchases.csv").write_text("\n".join(lines) + "\n")
    printed = sandbox.run_page(f"tutorials/{OWN_DATA}")
    answers = [json.loads(text) for text in re.findall(r"^\{.*\}$", printed, re.MULTILINE)]
    recs = [answer for answer in answers if "recs" in answer]
    assert all(item.startswith("SKU/") for answer in recs for item in answer["recs"])
    sources = [set(answer["sources"]) for answer in recs]
    assert sources[:3] == [{"recommendations"}, {"popular"}, {"recommendations"}]
    assert sources[3] in ({"als"}, {"dae"})
    assert any(answer.get("title") == "Thing 1, large" for answer in answers)
    assert any(answer.get("message") == "recommend" for answer in answers)


def test_predicted_ratings_are_served(tmp_path: Path) -> None:
    printed = make_sandbox(tmp_path, small=True).run_page(f"tutorials/{RATINGS}")
    answers = [json.loads(text) for text in re.findall(r"^\{.*\}$", printed, re.MULTILINE)]
    known, stranger, folded_in, page = answers
    assert (len(known["items"]), known["user"], "cold" in known) == (5, "40", False)
    assert (stranger["cold"], "cold" in folded_in) == (True, False)
    assert not {"1", "2", "3"} & set(folded_in["items"])
    assert len(page["recommendations"]) == 1


@pytest.mark.nightly
def test_runs_as_written(tmp_path: Path) -> None:
    sandbox = make_sandbox(tmp_path, small=False)
    printed = sandbox.run_page(f"tutorials/{FIRST}")
    _check_first(printed)
    assert "Ship dae (T1)" in printed
    assert "Ship similar (T1)" in sandbox.run_page("tutorials/your-first-experiment")
    assert "Keep dae (C): mine (T1) loses" in sandbox.run_page("tutorials/your-own-recommender")
    assert "artist bandit" in sandbox.run_page("tutorials/train-a-gym-agent")
