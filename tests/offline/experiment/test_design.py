"""Plans of uneven splits, several arms, CUPED and days: against statsmodels and simulation."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from click.testing import CliRunner, Result
from scipy import stats
from statsmodels.stats.power import NormalIndPower, TTestIndPower

from offline.cli import main
from offline.errors import InputError
from offline.experiment.design import Design, Growth, parse_split, reduction_of
from offline.experiment.stats.holm import holm
from offline.experiment.stats.power import Plan

Make = Callable[..., Any]
RNG = np.random.default_rng
PLAN = Plan(10.0, 8.0)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["plan", *map(str, arguments)])


def test_halves_are_the_plan_of_two_equal_sides() -> None:
    design = Design(PLAN)
    assert design.power(8, 2000) == pytest.approx(PLAN.power(8, 1000), rel=1e-3)
    assert design.users(8) == pytest.approx(2 * PLAN.users(8), rel=1e-3)
    assert design.detectable(2000) == pytest.approx(PLAN.detectable(1000), rel=1e-3)
    assert design.guardrail_users(-10) == pytest.approx(2 * PLAN.guardrail_users(-10), rel=1e-3)


def test_an_uneven_split_is_statsmodels() -> None:
    """With an effect so small that both sides vary alike."""
    design = Design(PLAN, parse_split("90/10", None))
    found = design.power(0.1, 4_000_000)
    expected = NormalIndPower().power(0.01 / 8, 3_600_000, 0.05, ratio=1 / 9, alternative="larger")
    two_sided = NormalIndPower().power(0.01 / 8, 3_600_000, 0.025, ratio=1 / 9,
                                       alternative="larger")  # fmt: skip
    assert found == pytest.approx(two_sided, abs=2e-3)
    assert found < expected
    three = Design(PLAN, parse_split(None, 3))
    bonferroni = TTestIndPower().power(0.01 / 8, 500_000, 0.025, alternative="two-sided")
    assert three.power(0.1, 1_500_000) == pytest.approx(bonferroni, abs=5e-3)


def test_the_promise_is_kept_with_three_arms_and_cuped() -> None:
    """A third of the users each; one treatment has an effect, the other none."""
    rng = RNG(1)
    plan, n = Plan(10.0, 5.0), 200
    design = Design(plan, (1 / 3,) * 3, 0.5)
    effect = design.detectable(3 * n)
    found = []
    for _ in range(1500):
        sides = [rng.normal(10 * scale, 5 * math.sqrt(0.5) * scale, n)
                 for scale in (1, 1 + effect / 100, 1)]  # fmt: skip
        ps = [stats.ttest_ind(sides[0], side, equal_var=False).pvalue for side in sides[1:]]
        found.append(holm(ps)[0] < 0.05)
    # Holm finds a little more than its worst case.
    assert 0.77 < np.mean(found) < 0.84


def test_the_reduction_is_r_squared_of_a_regression() -> None:
    rng = RNG(2)
    x = rng.gamma(2, 1, 500)
    y = 2 * x + rng.gamma(2, 1, 500)
    found = reduction_of(y, x)
    assert found.variance == pytest.approx(sm.OLS(y, sm.add_constant(x)).fit().rsquared)
    assert found.known == 1
    x[:250] = np.nan
    some = reduction_of(y, x)
    assert some.known == 0.5
    assert 0 < some.variance < found.variance
    for nothing in (np.full(500, np.nan), np.ones(500)):
        with pytest.raises(InputError, match="CUPED cannot be planned with"):
            reduction_of(y, nothing)


def test_users_grow_with_days() -> None:
    growth = Growth.of([100, 50, 20, 10])
    assert [growth.users(day) for day in (1, 2, 4, 6)] == [100, 150, 180, 210]
    assert [growth.days(users) for users in (1, 101, 180, 181, 211)] == [1, 2, 4, 5, 7]
    closed = Growth.of([10, 0, 0, 0])
    assert (closed.users(99), closed.days(11)) == (10, None)
    with pytest.raises(InputError, match="two days or more"):
        Growth.of([5])


@pytest.mark.parametrize("text", ["90", "90/x", "90/0", "-1/2", "nan/1", ""])
def test_other_splits_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="--split"):
        parse_split(text, None)
    with pytest.raises(InputError, match="has 2 arms, but --arms says 3"):
        parse_split("1/1", 3)


def test_a_plan_of_all_of_it(make_events: Make, write_log: Make) -> None:
    log = write_log(make_events(sessions_per_user=8.0))
    told = run(log, "--split", "80/10/10", "--cuped", "--days", 7)
    assert told.exit_code == 0, told.output
    assert "split 80/10/10" in told.output
    assert "CUPED takes " in told.output
    assert "the log's own later half by its earlier half" in told.output
    assert "days   users in all   detectable effect (chance 80%)" in told.output
    days = run(log, "--effect", 30, "--days", 30).output
    assert "+30 % is found with " in days
    assert " in all" in days
    assert " days" in days
    both = run(log, "--effect", 30, "--users", 400, "--split", "50/50").output
    assert "400 users in all (200 + 200) find +30 % with a chance of " in both
    # Two equal arms by their total are what each side is.
    plain = run(log, "--effect", 30, "--users", 200).output
    chance = both.split("with a chance of ")[1].split("%")[0]
    assert float(chance) == pytest.approx(
        float(plain.split("chance of ")[1].split("%")[0]), abs=0.2
    )
    assert "guardrail sessions: -10 % is ruled out with " in both


def test_a_plan_takes_the_period_before(make_events: Make, write_log: Make) -> None:
    events = make_events(n_users=100)
    year = 365 * 86_400_000
    past = [line | {"timestamp": line["timestamp"] - year} for line in events]
    log, before = write_log(events), write_log(past, "past.json")
    told = run(log, "--before", before, "--effect", 10)
    assert told.exit_code == 0, told.output
    # The same sessions again: they tell all.
    assert "CUPED takes 100 % of the variance (from --before; 100 % of the users" in told.output
    late = run(log, "--before", log)
    assert (late.exit_code, late.output.count("\n")) == (2, 1)
    assert "--before: its last line is of" in late.output


def test_the_plans_alpha_rules() -> None:
    strict = Plan(10.0, 8.0, 0.01)
    design = Design(strict)
    assert design.power(8, 2000) == pytest.approx(strict.power(8, 1000), rel=1e-3)
    assert design.guardrail_users(-10) == pytest.approx(2 * strict.guardrail_users(-10), rel=1e-3)
    assert Design(strict, (1 / 3,) * 3).alpha == 0.005


def test_a_layout_plans_with_a_metric_of_ones_own(
    make_events: Make, write_log: Make, tmp_path: Any
) -> None:
    path = tmp_path / "metrics.yml"
    path.write_text(
        "metrics: {mine: {title: Mine, numerator: COUNT(*), direction: down, role: primary},"
        " mean_session_time: {role: secondary}}"
    )
    words = (write_log(make_events()), "--metrics", path, "--cuped", "--effect", "5")
    plain, strict = run(*words), run(*words, "--alpha", "0.01")
    for done in (plain, strict):
        assert done.exit_code == 0, done.output
        assert "mine: mean " in done.output
        assert "CUPED takes " in done.output

    def needed(done: Result) -> int:
        line = next(line for line in done.output.splitlines() if line.startswith("+5 %"))
        return int(line.split(" with ")[1].split(" ")[0].replace(",", ""))

    assert needed(strict) > needed(plain)
