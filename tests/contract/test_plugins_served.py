"""Plug-ins as a service meets them: installed beside it, broken, failing in a request."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import BOTIFY, environment
from .load import until

pytestmark = pytest.mark.integration

Serve = Callable[..., Any]
Connect = Callable[[str], Any]
Install = Callable[..., str]

PLUGIN = """
from botify.recommenders import Choice, Recommender

class Second(Recommender):
    def choose(self, turn):
        return Choice(turn.plays[-1][0] + 1, 1.0, 3, "v1")

class Fails(Recommender):
    def choose(self, turn):
        return Choice(turn.n_tracks // len(turn.plays[1:]))
"""


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """install(distribution, name="module:Class"): the PYTHONPATH with its entry points."""
    place = tmp_path / "site"

    def install(distribution: str, **offers: str) -> str:
        info = place / f"{distribution}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Name: {distribution}\nVersion: 1.0\n")
        lines = [f"{name} = {value}" for name, value in offers.items()]
        text = "\n".join(["[botify.recommenders]", *lines, ""])
        (info / "entry_points.txt").write_text(text)
        (place / "plug.py").write_text(PLUGIN)
        return str(place)

    return install


def run(*arguments: object, **variables: str) -> "subprocess.CompletedProcess[str]":
    command = [BOTIFY, *map(str, arguments)]
    env = environment(**variables)
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)


def test_its_answers_are_logged_as_it_says_and_failures_are_random_tracks(
    serve: Serve, connect: Connect, install: Install
) -> None:
    path = install("extra", second="plug:Second", fails="plug:Fails")
    recommenders = {"second": {"type": "second"}, "fails": {"type": "fails"}}
    changes = {
        "recommenders": recommenders,
        "experiments": {"E": {"treatments": {"C": "second", "T1": "fails"}}},
        "allow_forced": True,
    }
    served = serve(changes, PYTHONPATH=path)
    answers = connect(served.url)
    for user, treatment in ((1, "C"), (2, "T1")):
        answers._http.request(
            "POST",
            f"/next/{user}",
            json.dumps({"track": 7, "time": 0.5}),
            {"X-Botify-Experiments": f"E={treatment}"},
        )
        response = answers._http.getresponse()
        assert response.status == 200
        response.read()

    def bad() -> Any:
        status, health = connect(served.operations_url).request("GET", "/health")
        return health if status == 503 else None

    assert until(bad)["reasons"] == [
        "recommender 'fails' failed in the last 5 minutes, others answered: "
        "ZeroDivisionError: integer division or modulo by zero"
    ]
    assert served.stop() == 0
    second, failed = served.log()
    told = ("recommendation", "recommender", "rank", "propensity", "model_version")
    assert [second[key] for key in told] == [8, "second", 3, 1.0, "v1"]
    assert failed["recommender"] == "random"
    assert "recommender fails failed" in served.process.stderr.read()


def test_a_broken_one_is_named_and_the_rest_goes_on(
    serve: Serve, connect: Connect, install: Install
) -> None:
    install("broken", jazz="plug_absent:Jazz")
    path = install("rival", random="plug:Second")
    problem = (
        "type of recommender 'jazz' of broken 1.0 (plug_absent:Jazz) cannot be imported: "
        "ModuleNotFoundError: No module named 'plug_absent'"
    )
    listed = run("recommenders", PYTHONPATH=path)
    assert listed.returncode == 1
    rows = [line.split() for line in listed.stdout.splitlines()]
    assert ["jazz", "music", "broken", "1.0", "cannot", "be", "used;", "see", "below"] in rows
    assert ["top_pop", "music", "botify", "0.1.0"] in [row[:4] for row in rows]
    assert f"Error: {problem}\n" in listed.stderr
    assert "rival 1.0 offers a type of recommender 'random' (plug:Second)" in listed.stderr
    assert ["random", "music", "botify", "0.1.0"] in [row[:4] for row in rows]

    recommenders = {"top_pop": {"type": "top_pop"}}
    changes = {"recommenders": recommenders, "experiments": {}, "default": "top_pop"}
    served = serve(changes, PYTHONPATH=path)
    for url in (served.url, served.operations_url):
        status, health = connect(url).request("GET", "/health")
        assert status == 200, health
        assert health["status"] == "ok"
        assert problem in health["warnings"]
    assert connect(served.url).play("next", 1, 7, 1.0)[0] == 200
    assert served.stop() == 0
    assert problem in [json.loads(line)["message"] for line in served.process.stderr]


def test_a_config_that_uses_a_broken_one_is_refused(
    config_path: Callable[..., Path], data_dir: Path, install: Install
) -> None:
    path = install("broken", jazz="plug_absent:Jazz")
    config = config_path(recommenders={"mine": {"type": "jazz"}}, experiments={}, default="mine")
    refused = run("serve", "--config", config, "--data-dir", data_dir, PYTHONPATH=path)
    assert refused.returncode == 2
    assert refused.stderr == (
        f"Error: {config}: recommenders.mine: type of recommender 'jazz' of broken 1.0 "
        "(plug_absent:Jazz) cannot be imported: ModuleNotFoundError: No module named "
        "'plug_absent'\n"
    )
