"""An experiment below another one: only the users whose answer can differ."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from offline.cli import main
from offline.errors import InputError
from offline.experiment.aggregates.triggered import Above, above_of

Make = Callable[..., Any]
EXPERIMENT = "DAE_VS_CONTEXTUAL"
CONFIG = """
experiments:
  TOP: {treatments: {C: null, T1: random, T2: top_pop}}
  SHOWN: {treatments: {C: null, T1: null}}
  DAE_VS_CONTEXTUAL: {treatments: {C: contextual, T1: dae}}
  BELOW: {treatments: {C: random, T1: dae}}
"""


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["analyze", *map(str, arguments)])


def test_what_stands_above_decides_where_it_names_a_recommender() -> None:
    running = {
        "A": {"treatments": {"C": None, "T1": "random"}},
        "B": {"treatments": {"C": None}},
        "X": {"treatments": {"C": "one", "T1": "other"}},
        "Y": {"treatments": {"C": "one"}},
    }
    above = above_of("X", running)
    assert above == Above({"A": frozenset({"T1"})})
    assert above.decides({"A": "T1", "X": "C", "Y": "C"}) == "A"
    assert above.decides({"A": "C", "X": "C", "Y": "C"}) is None
    assert above.decides({"X": "C"}) is None  # takes no part in A
    assert above_of("A", running) is None
    with pytest.raises(InputError, match="has no experiment Z; it has: A, B, X, Y"):
        above_of("Z", running)


@pytest.fixture
def log(make_events: Make, write_log: Make) -> Path:
    """Half of the users are in T1 of TOP, where DAE_VS_CONTEXTUAL has no effect."""
    changed, same = make_events(), make_events(lift=1.0, seed=1)
    lines = []
    for name, events, arm in (("C", changed, 0), ("T1", same, 10_000)):
        for line in events:
            running = {"TOP": name, **line["experiments"], "BELOW": "C"}
            lines.append(line | {"user": line["user"] + arm, "experiments": running})
    lines.sort(key=lambda line: line["timestamp"])
    return write_log(lines)


def effects(path: Path) -> tuple[dict[str, Any], dict[str, float]]:
    content = json.loads(path.read_text())
    return content, {row["metric"]: row["effect"] for row in content["metrics"]}


def test_the_dilution_is_told_and_triggered_analysis_leaves_it_out(
    log: Path, make_events: Make, write_log: Make, tmp_path: Path
) -> None:
    config, out = tmp_path / "botify.yml", tmp_path / "all.json"
    config.write_text(CONFIG)
    words = (log, "--experiment", EXPERIMENT, "--config", config, "--json", out)
    whole = run(*words)
    assert whole.exit_code == 0, whole.output
    content, diluted = effects(out)
    users = content["dilution"]["users"]
    assert content["dilution"] == {
        "users": users,
        "decided": {"TOP": pytest.approx(users / 2, abs=5)},
        "triggered": False,
        "share": pytest.approx(0.5, abs=0.02),
    }
    assert "the experiment TOP above decides for" in whole.output
    assert "--triggered judges the others alone" in whole.output
    triggered = run(*words, "--triggered")
    assert triggered.exit_code == 0, triggered.output
    content, found = effects(out)
    assert content["dilution"]["triggered"]
    assert "over all users its effect on mean_session_time is about +" in triggered.output
    # It is the analysis of the log of these users alone.
    only = [line | {"experiments": {"TOP": "C", **line["experiments"], "BELOW": "C"}}
            for line in make_events()]  # fmt: skip
    alone = tmp_path / "alone.json"
    done = run(write_log(only, "only.json"), "--experiment", EXPERIMENT, "--json", alone)
    assert done.exit_code == 0, done.output
    assert found == effects(alone)[1]
    assert abs(diluted["mean_session_time"]) < abs(found["mean_session_time"])


def test_where_nothing_stands_above_nothing_is_told(log: Path, tmp_path: Path) -> None:
    config = tmp_path / "botify.yml"
    config.write_text("experiments:\n  DAE_VS_CONTEXTUAL: {treatments: {C: a, T1: b}}\n")
    words = (log, "--experiment", EXPERIMENT, "--config", config)
    assert "above decides" not in run(*words).output
    refused = run(*words, "--triggered")
    assert (refused.exit_code, refused.output.count("\n")) == (2, 1)
    assert "no experiment above DAE_VS_CONTEXTUAL decides for anybody" in refused.output
    bare = run(log, "--experiment", EXPERIMENT, "--triggered")
    assert "--triggered needs --config or --service" in bare.output
    config.write_text(CONFIG.replace("C: null, T1: random", "C: random, T1: random"))
    nobody = run(*words, "--triggered")
    assert "experiments above DAE_VS_CONTEXTUAL decide for every user" in nobody.output
