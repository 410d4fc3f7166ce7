"""`off-policy --table`: decisions of anybody's, judged like a log's."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from offline.cli import main
from offline.off_policy.table_decisions import (
    DecisionColumns,
    PolicyTarget,
    read_decision_table,
)

POLICY = {"a": (0.6, 0.1), "b": (0.3, 0.3), "c": (0.1, 0.6)}
TRUTH = {"a": 0.2, "b": 0.4, "c": 0.1}


def say(place: Path, *words: str, fails: bool = False) -> tuple[str, dict[str, Any]]:
    out = place / "found.json"
    arguments = [word.replace("@", f"{place}/") for word in words]
    done = CliRunner().invoke(main, ["off-policy", *arguments, "--json", str(out)])
    assert done.exit_code == (2 if fails else 0), done.output
    return done.output, {} if fails else json.loads(out.read_text())


@pytest.fixture
def rows(tmp_path: Path) -> pd.DataFrame:
    """Uniform over three actions in two places; a policy that prefers a above and c below."""
    rng = np.random.default_rng(1)
    n = 6000
    actions, places = rng.choice(list("abc"), n), rng.integers(1, 3, n)
    frame = pd.DataFrame({"item": actions, "place": places, "p": 1 / 3})
    frame["click"] = (rng.random(n) < [TRUTH[a] for a in actions]).astype(int)
    frame["new"] = [POLICY[a][k - 1] for a, k in zip(actions, places, strict=True)]
    frame.to_csv(tmp_path / "d.csv", index=False)
    chances = [(a, k + 1, p) for a, some in POLICY.items() for k, p in enumerate(some)]
    policy = pd.DataFrame(chances, columns=["item", "place", "chance"])
    policy.to_csv(tmp_path / "policy.csv", index=False)
    return frame


BASE = ("--table", "@d.csv", "--action", "item", "--reward", "click", "--propensity", "p")


def test_estimates_are_those_by_hand(rows: pd.DataFrame, tmp_path: Path) -> None:
    words = ("--target", "new", "--policy", "@policy.csv", "--position", "place")
    said, found = say(tmp_path, *BASE, *words)
    weights = rows.new / rows.p
    by_column, by_file = found["targets"]
    for one in (by_column, by_file):
        estimates = one["estimates"]
        assert estimates["logged mean"]["value"] == pytest.approx(rows.click.mean())
        assert estimates["IPS"]["value"] == pytest.approx((weights * rows.click).mean())
        snips = (weights * rows.click).sum() / weights.sum()
        assert estimates["SNIPS"]["value"] == pytest.approx(snips)
        half = 1.96 * (weights * rows.click).std() / len(rows) ** 0.5
        assert estimates["IPS"]["upper"] - estimates["IPS"]["value"] == pytest.approx(
            half, rel=0.01
        )
        assert one["effective_sample"] == pytest.approx(weights.sum() ** 2 / (weights**2).sum())
    assert set(by_column["estimates"]) == {"logged mean", "IPS", "SNIPS", "clipped IPS"}
    assert "no direct method, no DR of any kind" in said
    share = (rows.place == 1).mean()
    of_places = [sum(POLICY[a][k] * TRUTH[a] for a in POLICY) for k in (0, 1)]
    truth = share * of_places[0] + (1 - share) * of_places[1]
    for name in ("direct method", "DR"):
        assert by_file["estimates"][name]["value"] == pytest.approx(truth, abs=0.015)
    assert by_file["estimates"]["DR"]["lower"] < truth < by_file["estimates"]["DR"]["upper"]


def test_what_a_policy_would_choose_is_weighed_by_its_chances(
    rows: pd.DataFrame, tmp_path: Path
) -> None:
    columns = DecisionColumns("item", "click", "p", "place")
    found = read_decision_table([tmp_path / "d.csv"], columns)
    target = PolicyTarget(tmp_path / "policy.csv", found, columns)
    values = np.array([*(float(number + 1) for number in range(3)), 0.0])
    of = {action: values[number] for action, number in found.actions.items()}
    expected = [
        sum(POLICY[action][place - 1] * of[action] for action in POLICY)
        for place in found.rows["place"].astype(int)
    ]
    assert target.mean_of(values) == pytest.approx(expected)


def test_decisions_that_cannot_be_used_are_counted(tmp_path: Path) -> None:
    lines = ["action,reward,propensity,new"] + ["a,1,0.5,0.5", "b,0,0.5,0.5"] * 60
    lines += ["a,,0.5,0.5", "a,1,,0.5", "a,1,0,0.5", "a,1,1.5,0.5", ",1,0.5,0.5", "a,x,0.5,0.5"]
    (tmp_path / "d.csv").write_text("\n".join(lines))
    said, found = say(tmp_path, "--table", "@d.csv", "--target", "new")
    assert found["left_out"] == {
        "without reward": 1,
        "without propensity": 1,
        "propensity not in (0, 1]": 2,
    }
    assert found["bad_lines"] == 2
    assert "d.csv:126: no `action`" in said
    assert "no --unit: each row was taken for a decision" in said
    assert found["targets"][0]["estimates"]["IPS"]["value"] == pytest.approx(0.5)


def test_decisions_of_a_unit_depend_on_each_other(tmp_path: Path) -> None:
    """Each user's ten decisions are one: the interval is that of 60 and not of 600."""
    rng = np.random.default_rng(2)
    reward = np.repeat(rng.integers(0, 2, 60), 10)
    frame = pd.DataFrame({"u": np.repeat(np.arange(60), 10), "action": "a", "reward": reward})
    frame.assign(propensity=1, new=1).to_csv(tmp_path / "d.csv", index=False)
    widths = []
    for words in ((), ("--unit", "u")):
        _, found = say(tmp_path, "--table", "@d.csv", "--target", "new", *words)
        estimate = found["targets"][0]["estimates"]["logged mean"]
        widths.append(estimate["upper"] - estimate["lower"])
    assert widths[1] / widths[0] == pytest.approx(10**0.5, rel=0.03)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--target", "nope"), "no column 'nope'"),
        (("--target", "item"), "column 'item' is not of numbers"),
        ((), "add --target or --policy"),
        (("--policy", "@bad.csv"), "its chances must be 0 or more and sum to 1: 0.5"),
        (("--policy", "@twice.csv"), "an action is there twice"),
        (("--policy", "@d.csv"), "no column 'chance'"),
        (("--target", "place"), "2 is no chance, from 0 to 1"),
        (("--target", "new", "--first"), "--table goes with --target and --policy"),
    ],
)
def test_bad_input_is_one_line(
    rows: pd.DataFrame, tmp_path: Path, words: tuple[str, ...], reason: str
) -> None:
    (tmp_path / "bad.csv").write_text("item,chance\na,0.5\n")
    (tmp_path / "twice.csv").write_text("item,chance\na,0.5\na,0.5\n")
    assert reason in say(tmp_path, *BASE, *words, fails=True)[0]


def test_rewards_of_any_size_are_not_cut_to_shares(rows: pd.DataFrame, tmp_path: Path) -> None:
    rows.assign(click=rows.click * 50 + 5).to_csv(tmp_path / "d.csv", index=False)
    said, found = say(tmp_path, *BASE, "--policy", "@policy.csv", "--position", "place")
    assert "a share cannot be" not in said
    [one] = found["targets"]
    for name in ("IPS", "DR", "clipped IPS", "switch DR", "shrunk DR"):
        estimate = one["estimates"][name]
        assert 5 < estimate["lower"] < estimate["value"] < estimate["upper"] < 55


def test_without_a_model_there_is_no_tamed_dr(rows: pd.DataFrame, tmp_path: Path) -> None:
    said, found = say(tmp_path, *BASE, "--target", "new")
    assert "largest weight or strength, chosen by SLOPE: clipped IPS " in said
    assert "DR" not in said.split("chosen by SLOPE")[1].split(";")[0]
    assert "parameter" in found["targets"][0]["estimates"]["clipped IPS"]
