"""Rules other than superiority: what is decided, and how often wrongly."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from offline.cli import main
from offline.errors import InputError
from offline.experiment.aggregates.aggregate import aggregate
from offline.experiment.analysis import Analysis, Options, analyse
from offline.experiment.checks.log_checks import INCOMPLETE
from offline.experiment.metric_files import built_in
from offline.experiment.rule import Rule
from offline.experiment.stats.effects import relative_interval
from offline.experiment.verdict.rules import decide
from offline.experiment.verdict.verdict import Verdict, verdicts
from offline.logs.reader import open_logs

from .test_verdict import played

Make = Callable[..., Any]
TIME = built_in()["mean_session_time"]


@pytest.fixture
def judged(event: Make, write_log: Make) -> Callable[..., Analysis]:
    """Users with a session each, some of them longer; the treatment's time is `times` of it."""

    def made(
        times: dict[str, float], n: int = 400, counts: dict[str, list[int]] | None = None,
        **options: Any,
    ) -> Analysis:  # fmt: skip
        users = counts or {arm: [1 + user % 3 for user in range(n)] for arm in times}
        with open_logs([write_log(played(event, users, times))]) as log:
            reduced = aggregate(log, "DAE_VS_CONTEXTUAL")
        return analyse(reduced, options=Options(draws=0, allowed=(INCOMPLETE,), **options))

    return made


def by(analysis: Analysis, text: str) -> tuple[Verdict, ...]:
    return decide(analysis, verdicts(analysis, {}), Rule.parse(text), {})


def test_no_worse_and_alike_within_a_margin(judged: Make) -> None:
    same = judged({"C": 0.5, "T1": 0.501})
    [row] = [row for row in same.comparisons if row.effect.metric == TIME.name]
    lower, upper = row.relative
    assert -1 < lower < 0 < upper < 1
    [no_worse], [alike] = by(same, "non-inferiority=1"), by(same, "equivalence=1")
    assert no_worse.outcome == alike.outcome == "wins"
    assert "T1 is shown to be at most 1 % worse than C on session time" in no_worse.sentence
    assert "95 % interval" in no_worse.sentence
    assert "T1 is shown to be within 1 % of C" in alike.sentence
    assert "90 % interval" in alike.sentence
    # The margin is inside the interval: not shown.
    [doubtful] = by(same, f"non-inferiority={-0.9 * lower:.6f}")
    assert doubtful.outcome == "open"
    assert "T1 is not shown to be no worse within " in doubtful.sentence
    [superior] = by(same, "superiority")
    assert superior == verdicts(same, {})[0]


def test_worse_and_better_than_the_margin(judged: Make) -> None:
    worse = judged({"C": 0.5, "T1": 0.4})
    for rule in ("non-inferiority=2", "equivalence=2"):
        [verdict] = by(worse, rule)
        assert verdict.outcome == "loses"
        assert verdict.sentence.startswith("Keep C: it ")
    better = judged({"C": 0.4, "T1": 0.5})
    assert by(better, "non-inferiority=2")[0].outcome == "wins"
    [different] = by(better, "equivalence=2")
    assert different.outcome == "open"
    assert different.sentence.startswith("Not equivalent: it differs by more than 2 %")


def test_a_holdout_is_told_as_what_was_won_since(judged: Make) -> None:
    for times, outcome, words in (
        ({"C": 0.4, "T1": 0.5}, "wins", "Keep T1: what was shipped since is a gain over the"),
        ({"C": 0.5, "T1": 0.4}, "loses", "Go back on T1: what was shipped since is a loss"),
        ({"C": 0.5, "T1": 0.5}, "open", "No gain or loss of T1 is shown over the holdout C"),
    ):
        [verdict] = by(judged(times), "holdout")
        assert verdict.outcome == outcome
        assert verdict.sentence.startswith(words)


def test_several_treatments_share_the_chance_of_an_error(judged: Make) -> None:
    both = judged({"C": 0.5, "T1": 0.5, "T2": 0.5})
    [one, _] = by(both, "non-inferiority=5")
    assert "97.5 % interval" in one.sentence
    assert "95 % interval" in by(both, "equivalence=5")[0].sentence
    # And that is what it is: wider by the quantile.
    row = both.deciding("T1")
    assert row.moments is not None
    wide = relative_interval(*row.moments, 2.2464)
    assert f"{wide[0]:+.2f} to " in one.sentence


def test_what_stops_a_verdict_stops_a_rule_too(judged: Make) -> None:
    analysis = judged({"C": 0.5, "T1": 0.5}, counts={"C": [2, 3] * 300, "T1": [2, 3] * 150})
    assert analysis.ratio.mismatch
    for rule in ("non-inferiority=5", "equivalence=5", "holdout"):
        assert by(analysis, rule) == verdicts(analysis, {})


def test_guardrails_stand_before_it(judged: Make) -> None:
    counts = {"C": [4, 5] * 100, "T1": [2, 3] * 100}
    [verdict] = by(judged({"C": 0.5, "T1": 0.5}, counts=counts), "non-inferiority=5")
    assert verdict.outcome == "open"
    assert verdict.sentence.startswith("Not yet, as guardrails do not hold (sessions broken)")
    assert "significantly worse: sessions −" in verdict.sentence.replace("-", "−")


def test_few_users_and_looks(judged: Make) -> None:
    few = judged({"C": 0.5, "T1": 0.5}, n=4)
    assert by(few, "equivalence=5")[0].sentence.startswith("No verdict on T1: it cannot be")
    looked = judged({"C": 0.5, "T1": 0.5}, sequential=True)
    assert "always-valid 95 % interval" in by(looked, "non-inferiority=20")[0].sentence
    ten = judged({"C": 0.5, "T1": 0.5}, n=10)
    assert "by permutation" in by(ten, "non-inferiority=20")[0].sentence


@pytest.mark.parametrize(
    "text",
    ["", "best", "non-inferiority", "equivalence=0", "equivalence=x", "non-inferiority=100",
     "holdout=2", "superiority=1", "equivalence=nan"],
)  # fmt: skip
def test_other_rules_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="it must be superiority"):
        Rule.parse(text)


def test_a_rule_is_text(make_events: Make, write_log: Make, tmp_path: Path) -> None:
    for text in ("superiority", "non-inferiority=2", "equivalence=0.5", "holdout"):
        assert str(Rule.parse(text)) == text
    out = tmp_path / "all.json"
    words = ["analyze", str(write_log(make_events())), "--experiment", "DAE_VS_CONTEXTUAL"]
    done = CliRunner().invoke(main, [*words, "--rule", "holdout", "--json", str(out)])
    assert done.exit_code == 0, done.output
    assert done.output.startswith("Keep T1: what was shipped since is a gain over the holdout C")
    assert json.loads(out.read_text())["rule"] == "holdout"
    done = CliRunner().invoke(main, [*words, "--rule", "best"])
    assert (done.exit_code, done.output.count("\n")) == (2, 1)
