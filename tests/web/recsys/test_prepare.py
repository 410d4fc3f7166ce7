"""What `make web` prepares, and that it does so once; the unit that starts it."""

import json
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client

from web.catalog.models import Item
from web.ratings.models import Interaction
from web.recommendations.defaults import make_defaults
from web.recommendations.models import EnsembleConfig, Recommender
from web.recsys.invented import write_invented
from web.recsys.management.commands.prepare import PEOPLE

ROOT = Path(__file__).parents[3]


def test_invented_films_are_the_same_each_time(tmp_path: Path) -> None:
    first, second = write_invented(tmp_path / "a"), write_invented(tmp_path / "b")
    for name in ("items.csv", "ratings.csv"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_a_second_run_adds_nothing(
    db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BOTIFY_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    counts, passwords = [], []
    for _ in range(2):
        call_command("prepare", out=tmp_path, verbosity=0)
        tables = (Item, Interaction, Recommender)
        counts.append([table.objects.count() for table in tables])
        passwords.append(json.loads((tmp_path / "sign-in.json").read_text()))
    assert counts[0] == counts[1]
    assert counts[0][0] == 81
    assert passwords[0] == passwords[1]
    assert stat.S_IMODE((tmp_path / "sign-in.json").stat().st_mode) == 0o600
    client = Client()
    client.post("/accounts/login/", {"login": "boris", "password": passwords[0]["boris"]})
    page = client.get("/recommendations").content.decode()
    assert page.count('class="tile"') >= 40  # popular, new to boris, and boris' tags
    assert "The similarities have not been computed" in page


def test_the_tutorial_names_the_people_the_ladder_and_an_address_that_are_there(
    signed_in: Callable[..., Client],
) -> None:
    text = (ROOT / "docs" / "tutorials" / "site.md").read_text()
    assert all(f"`{name}`" in text for name in PEOPLE)
    make_defaults()
    steps = EnsembleConfig.objects.order_by("active_from_n_user_iterations")
    _, tags, people = steps.values_list("active_from_n_user_iterations", flat=True)
    assert f"After {tags} ratings your tags" in text
    assert f"after {people} the people" in text
    (address,) = re.findall(r"`(/items\?[^`]+)`", text)
    page = signed_in().get(address)
    assert page.context["chosen"] == ["Comedy", "-Romance"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_reads_the_unit(tmp_path: Path) -> None:
    unit = ROOT / "web" / "deploy" / "recsys.service"
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--user", unit],
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stderr) == (0, "")
