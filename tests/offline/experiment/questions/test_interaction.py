"""Interactions against regression, and as a person in a shell meets them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from click.testing import CliRunner
from scipy import stats

from offline.cli import main
from offline.experiment.metrics import Metric
from offline.experiment.questions.interaction import interactions
from offline.experiment.questions.parts import Against

Make = Callable[..., Any]
TIME = Against(Metric("time", "Time", numerator="SUM(time)"))
VALUE = TIME.metric.above
RNG = np.random.default_rng
EXPERIMENT = "DAE_VS_CONTEXTUAL"


def users_of(rng: np.random.Generator, extra: float, n: int = 800) -> tuple[pd.DataFrame, Any]:
    """Users of two experiments; with the treatments of both the value is `extra` more."""
    mine, theirs = rng.random(n) < 0.5, rng.random(n) < 0.3
    values = rng.gamma(4, 1, n) + mine + 0.5 * theirs + extra * (mine & theirs)
    ids = [str(user) for user in range(n)]
    users = pd.DataFrame(
        {
            "user_id": ids,
            "treatment": np.where(mine, "T1", "C"),
            VALUE: values,
        }
    )
    return users, dict(zip(ids, np.where(theirs, "T1", "C").tolist(), strict=True))


def test_it_is_the_interaction_of_a_regression() -> None:
    users, arms = users_of(RNG(1), 0.3)
    [found] = interactions("Y", users, arms, TIME).found
    mine = (users["treatment"] == "T1").to_numpy(float)
    theirs = np.array([arms[user] == "T1" for user in users["user_id"]], float)
    columns = sm.add_constant(np.column_stack([mine, theirs, mine * theirs]))
    fitted = sm.OLS(users[VALUE].to_numpy(), columns).fit(cov_type="HC2")
    assert found.difference == pytest.approx(fitted.params[3])
    assert found.interval is not None
    half = (found.interval[1] - found.interval[0]) / 2
    assert half / fitted.bse[3] == pytest.approx(1.96, rel=0.01)  # t of some hundred degrees
    assert found.p == pytest.approx(fitted.pvalues[3], rel=0.1)
    # Each half alone.
    for part, arm in zip(found.within, ("C", "T1"), strict=True):
        rows = users[[arms[user] == arm for user in users["user_id"]]]
        sides = [rows.loc[rows["treatment"] == some, VALUE] for some in ("C", "T1")]
        assert part.p == pytest.approx(stats.ttest_ind(*sides, equal_var=False).pvalue)
    assert found.points == pytest.approx(found.within[1].effect - found.within[0].effect)


def test_points_agree_with_a_bootstrap() -> None:
    users, arms = users_of(RNG(2), 1.0, 4000)
    [found] = interactions("Y", users, arms, TIME).found
    rng = RNG(3)
    theirs = users["user_id"].map(arms)
    cells = [
        users.loc[(users["treatment"] == a) & (theirs == b), VALUE].to_numpy()
        for b in ("C", "T1")
        for a in ("C", "T1")
    ]
    drawn = []
    for _ in range(1000):
        m = [rng.choice(cell, len(cell)).mean() for cell in cells]
        drawn.append(100 * (m[3] / m[2] - m[1] / m[0]))
    assert found.points_interval is not None
    half = (found.points_interval[1] - found.points_interval[0]) / 2
    assert half == pytest.approx(1.96 * np.std(drawn), rel=0.08)


def test_no_interaction_is_called_one_in_5_of_100() -> None:
    rng = RNG(4)
    ps = []
    for _ in range(300):
        [found] = interactions("Y", *users_of(rng, 0.0, 400), TIME).found
        ps.append(found.p)
    assert np.mean(np.array(ps) < 0.05) == pytest.approx(0.05, abs=0.035)


def test_dependent_assignments_and_users_without_the_other_are_told() -> None:
    users, arms = users_of(RNG(5), 0.0)
    found = interactions("Y", users, dict(list(arms.items())[:500]), TIME)
    assert found.left_out == 300
    assert found.assignment_p > 0.001
    same = dict(zip(users["user_id"], users["treatment"], strict=True))
    same |= dict.fromkeys(users["user_id"][:100], "C")
    assert interactions("Y", users, same, TIME).assignment_p < 1e-9


def test_groups_too_small_and_constant() -> None:
    users, arms = users_of(RNG(6), 0.0, 60)
    [few] = interactions("Y", users, arms, TIME).found
    assert (few.difference, few.points) == (None, None)
    users, arms = users_of(RNG(7), 0.0)
    [zero] = interactions("Y", users.assign(**{VALUE: 0.0}), arms, TIME).found
    assert (zero.difference, zero.interval, zero.p, zero.points) == (0, None, None, None)
    [negative] = interactions("Y", users.assign(**{VALUE: -2.0}), arms, TIME).found
    assert (negative.points, negative.points_interval) == (0, None)
    assert interactions("Y", users, {}, TIME).found == ()


def test_a_log_of_two_experiments(make_events: Make, write_log: Make, tmp_path: Path) -> None:
    events = make_events(n_users=300)
    for line in events:
        if line["user"] != 7:  # was not in the other one
            line["experiments"] = line["experiments"] | {"OTHER": "CT"[line["user"] % 2]}
    events[-1]["experiments"] |= {"OTHER": "T"}
    for line in events:
        if line["experiments"].get("OTHER") == "T":
            line["experiments"] = line["experiments"] | {"OTHER": "T1"}
    out = tmp_path / "all.json"
    words = ["analyze", str(write_log(events)), "--experiment", EXPERIMENT, "--json", str(out)]
    done = CliRunner().invoke(main, [*words, "--interaction", "OTHER"])
    assert done.exit_code == 0, done.output
    assert "interaction with OTHER: T1 in its C " in done.output
    content = json.loads(out.read_text())["interaction"]
    [one] = content["found"]
    assert one["other_treatment"] == "T1"
    assert content["left_out"] >= 1
    assert one["points"] == pytest.approx(
        one["within"][1]["effect"] - one["within"][0]["effect"], rel=1e-6
    )
    for other, message in (("NONE", "has no user of it"), (EXPERIMENT, "another experiment")):
        done = CliRunner().invoke(main, [*words, "--interaction", other])
        assert (done.exit_code, done.output.count("\n")) == (2, 1)
        assert message in done.output
