"""What stands between a significant effect and "Ship", and what the verdict rests on."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from scipy import stats

from offline.cli import main
from offline.errors import InputError
from offline.experiment.aggregates.aggregate import aggregate, aggregate_all
from offline.experiment.aggregates.summary import Aggregates
from offline.experiment.analysis import Analysis, Options, analyse
from offline.experiment.guardrails import guard
from offline.experiment.stats.bootstrap import bootstrap_p, percentile_interval
from offline.experiment.stats.comparison import compare_samples
from offline.experiment.stats.power import Plan, users_factor
from offline.experiment.stats.sample import Sample
from offline.experiment.verdict.notes import notes
from offline.experiment.verdict.verdict import verdicts
from offline.logs.reader import open_logs

Make = Callable[..., Any]
EXPERIMENT = "DAE_VS_CONTEXTUAL"
RNG = np.random.default_rng
YEAR = 365 * 86_400_000


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def reduce(write_log: Make) -> Callable[..., Aggregates]:
    def reduced(lines: list[Any], drop: tuple[str, ...] = ()) -> Aggregates:
        with open_logs([write_log(lines)]) as log:
            found = aggregate(log, EXPERIMENT, drop=drop)
        # Sessions of one line begin with no full play, which is not what is looked at here.
        return replace(found, completeness=found.completeness.assign(without_start=0))

    return reduced


@pytest.fixture
def past(write_log: Make) -> Callable[..., Aggregates]:
    def reduced(lines: list[Any], shift: int = YEAR) -> Aggregates:
        moved = [line | {"timestamp": line["timestamp"] - shift} for line in lines]
        with open_logs([write_log(moved, "past.json")]) as log:
            return aggregate_all(log)

    return reduced


def played(event: Make, sessions: dict[str, list[int]], times: dict[str, float]) -> list[Any]:
    """Users of each arm with so many sessions of one track."""
    lines = []
    for arm, counts in sessions.items():
        for number, count in enumerate(counts):
            user = 1000 * list(sessions).index(arm) + number
            for place in range(count):
                lines.append(
                    event(
                        user=user,
                        message="last",
                        experiments={EXPERIMENT: arm},
                        timestamp=1_700_000_000_000 + 60_000 * len(lines),
                        time=times[arm] + (number % 7) / 100,
                        session=f"{user}-{place}",
                    )
                )
    return lines


def sentence(analysis: Analysis) -> tuple[str, str]:
    [verdict] = verdicts(analysis, {})
    return verdict.outcome, verdict.sentence


def spread_out(rng: np.random.Generator, n: int) -> list[int]:
    return [int(count) for count in rng.integers(1, 9, n)]


def test_a_guardrail_that_is_not_shown_to_hold_means_not_yet(event: Make, reduce: Make) -> None:
    counts = {"C": [*range(1, 9)] * 10, "T1": [*range(1, 8), 9] * 10}
    analysis = analyse(reduce(played(event, counts, {"C": 0.3, "T1": 0.6})))
    [guardrail] = analysis.guardrails
    assert guardrail.status == "not shown"
    outcome, said = sentence(analysis)
    assert outcome == "open"
    assert said.startswith("Not yet: T1 beats C on session time by +")
    assert "but it is not shown that sessions (" in said
    assert "stays within −10 %: if nothing changes, it takes " in said
    # The textbook's users for a margin: (1.96 + 0.84)² × (s² + 0.9² s²) / (0.1 m)².
    one, other = (np.array(counts[arm]) for arm in ("C", "T1"))
    users = 7.849 * (0.81 * one.var(ddof=1) + other.var(ddof=1)) / (0.1 * one.mean()) ** 2
    assert guardrail.needed == pytest.approx(users / 80, rel=1e-3)
    assert f"{math.ceil(users / 10) * 10:,} users against" in said


def test_so_many_users_should_have_shown_it(event: Make, reduce: Make) -> None:
    """Sessions fall by nearly the margin: the interval crosses it, whatever the users."""
    counts = {"C": [10, 10, 10, 11] * 30, "T1": [9, 9, 9, 9, 9, 10] * 20}
    analysis = analyse(reduce(played(event, counts, {"C": 0.3, "T1": 0.6})))
    assert analysis.guardrails[0].status == "not shown"
    assert "which so many users should have shown if nothing had changed" in sentence(analysis)[1]


def test_harm_elsewhere_is_in_the_sentence(event: Make, reduce: Make) -> None:
    rng = RNG(2)
    lines = played(event, {arm: spread_out(rng, 80) for arm in ("C", "T1")}, {"C": 0.3, "T1": 0.6})
    for line in lines:
        slow = 2 if "T1" in line["experiments"].values() else 1
        line["latency"] = 0.01 * slow + 0.0001 * (line["user"] % 5)
    options = Options(margins={})
    outcome, said = sentence(analyse(reduce(lines), options=options))
    assert outcome == "wins"
    assert said.startswith("Ship T1: it beats C on session time by +")
    assert "; significantly worse: request time +9" in said


def test_two_users_a_side_are_no_verdict(event: Make, reduce: Make) -> None:
    """Each side has two equal values: no spread, and nothing known."""
    lines = played(event, {"C": [7, 7], "T1": [7, 7]}, {"C": 0.3, "T1": 0.6})
    for line in lines:
        line["time"] = round(line["time"], 1)
    outcome, said = sentence(analyse(reduce(lines), options=Options(margins={})))
    assert outcome == "open"
    assert said.startswith("No verdict on T1: it cannot be judged against C on session time:")
    assert "fewer than 5 users of an arm have a value: no test" in said


def test_small_arms_are_judged_by_permutation(event: Make, reduce: Make) -> None:
    counts = {"C": [3] * 30, "T1": [3] * 9}
    analysis = analyse(
        reduce(played(event, counts, {"C": 0.3, "T1": 0.6})),
        options=Options({"C": 9, "T1": 3}, margins={}),
    )
    row = analysis.deciding("T1")
    assert row.method == "permutation"
    assert "(95 % interval by permutation +" in sentence(analysis)[1]


def test_dropped_users_are_as_if_never_there(event: Make, reduce: Make) -> None:
    lines = played(event, {"C": [2, 3, 90], "T1": [2, 3, 4]}, {"C": 0.3, "T1": 0.6})
    found = reduce(lines, ("2", "77"))
    assert [arm.users for arm in found.arms] == [2, 3]
    assert (found.quality.dropped_users, found.quality.dropped_lines) == (("2",), 90)
    assert found.quality.duplicates == 0
    assert "1 user dropped by name, with 90 lines: 2." in notes(
        analyse(found), {"C": "C", "T1": "T1"}
    )


def test_the_heaviest_user_is_named(event: Make, reduce: Make) -> None:
    counts = {"C": [*([2, 3] * 60), 900], "T1": [2, 3] * 60}
    analysis = analyse(reduce(played(event, counts, {"C": 0.3, "T1": 0.3})))
    [told] = [note for note in notes(analysis, {"C": "C", "T1": "T1"}) if "weighs" in note]
    assert told.startswith("User 120 of C weighs much: 75 % of sessions (9.917, without that user")


def test_a_cap_is_told_with_the_uncapped_row_beside(event: Make, reduce: Make) -> None:
    counts = {"C": [*([2, 3] * 60), 900], "T1": [2, 3] * 60}
    found = reduce(played(event, counts, {"C": 0.3, "T1": 0.3}))
    analysis = analyse(found, options=Options(cap=99.0))
    row = next(row for row in analysis.comparisons if row.effect.metric == "sessions")
    assert row.cap is not None
    assert row.uncapped is not None
    assert (row.cap.above, row.cap.users) == (3, 1)
    assert abs(row.change) < 1 < abs(row.uncapped.change)
    # The effect table is the protocol's, whatever is capped.
    assert analysis.core_effects == analyse(found).core_effects
    told = [note for note in notes(analysis, {"C": "C", "T1": "T1"}) if "sessions: capped" in note]
    assert told[0].startswith("T1 sessions: capped at 3 (1 user); uncapped -74.")


def test_a_cap_that_leaves_nothing_to_compare_is_refused(event: Make, reduce: Make) -> None:
    lines = played(event, {"C": [2] * 60, "T1": [2] * 60}, {"C": 0.3, "T1": 0.3})
    for line in lines:
        line["time"] = 1.0 if line["user"] == 1000 else 0.0
    with pytest.raises(InputError, match=r"--cap 99: that percentile of mean_session_time is its"):
        analyse(reduce(lines), options=Options(cap=99.0))


def test_a_period_before_is_over_when_the_test_begins(
    make_events: Make, reduce: Make, past: Make
) -> None:
    events = make_events(n_users=40)
    found = reduce(events)
    with pytest.raises(InputError, match=r"--before: its last line is of 2023-.*, but the"):
        analyse(found, past(events, 0))
    strangers = [event | {"user": event["user"] + 5000} for event in events]
    with pytest.raises(InputError, match="none of its 40 users is in the experiment"):
        analyse(found, past(strangers))


def test_cuped_decides_where_it_was_named(make_events: Make, reduce: Make, past: Make) -> None:
    events = make_events(seed=1, n_users=400, lift=1.0, sessions_per_user=20.0)
    before, now = ([e for e in events if int(e["session"][-1]) % 2 == i] for i in (0, 1))
    found, earlier = reduce(now), past(before)
    plain, adjusted = (analyse(found, earlier, Options(cuped=some)) for some in (False, True))
    one, other = plain.deciding("T1"), adjusted.deciding("T1")
    assert (one.method, other.method) == ("Welch", "CUPED")
    assert other.relative == one.cuped
    assert other.change == one.cuped_effect
    assert other.fieller == one.relative
    assert "after CUPED" in sentence(adjusted)[1]
    # Guardrails and looks too: the last look is the row, and each is narrower.
    assert adjusted.guardrails[0].lower != plain.guardrails[0].lower
    last = adjusted.looks["T1"][-1]
    assert (last.effect, last.fixed_lower, last.fixed_upper) == pytest.approx(
        (other.change, *other.relative)
    )
    assert last.upper - last.lower < 0.85 * (
        plain.looks["T1"][-1].upper - plain.looks["T1"][-1].lower
    )


def test_cuped_wants_a_period_before(event: Make, reduce: Make) -> None:
    lines = played(event, {"C": [2] * 9, "T1": [2] * 9}, {"C": 0.3, "T1": 0.3})
    with pytest.raises(InputError, match="CUPED needs the same users' logs"):
        analyse(reduce(lines), options=Options(cuped=True))


def test_segments_need_a_period_before(make_events: Make, reduce: Make, past: Make) -> None:
    events = make_events(n_users=300)
    found = reduce(events)
    without, having = analyse(found), analyse(found, past(events))
    assert without.segments == {"T1": ()}
    assert any(
        note.startswith("No segments: users are cut")
        for note in notes(without, {"C": "C", "T1": "T1"})
    )
    assert len(having.segments["T1"]) == 3


def test_a_guardrail_that_is_watched_is_always_valid(make_events: Make, reduce: Make) -> None:
    found = reduce(make_events(n_users=400))
    once, often = (analyse(found, options=Options(sequential=some)) for some in (False, True))
    [one], [other] = once.guardrails, often.guardrails
    assert other.lower < one.lower < one.upper < other.upper
    times = often.looks["T1"][-1].times
    row = next(row for row in often.comparisons if row.effect.metric == "sessions")
    control, treated = row.moments
    # Fieller's equation at both ends.
    for end in (other.lower, other.upper):
        r = 1 + end / 100
        error = math.sqrt(treated.variance_of_mean + r**2 * control.variance_of_mean)
        assert abs(treated.mean - r * control.mean) == pytest.approx(times * error)
    few = analyse(reduce(make_events(n_users=40)), options=Options(sequential=True))
    assert few.guardrails[0].status == "not shown"


def test_the_slowest_requests_have_a_p_that_is_adjusted() -> None:
    rng = RNG(3)
    control = rng.normal(10, 1, 1000)
    for shift in (0.0, 1.5, 2.0, 5.0):
        treated = rng.normal(10 + shift, 1, 1000)
        found, p = percentile_interval(control, treated), bootstrap_p(control, treated)
        assert found is not None
        assert p is not None
        assert p >= 2 / 1001
        if not 0.04 < p < 0.06:
            assert (p < 0.05) == (not found[0] <= 0 <= found[1])
    assert bootstrap_p(np.zeros(9), control) is None


def test_the_bootstrap_wants_a_hundred_users_a_side(make_events: Make, reduce: Make) -> None:
    for users, known in ((150, False), (260, True)):
        row = analyse(reduce(make_events(n_users=users))).comparisons[0]
        assert (min(row.users) >= 100) == known
        assert (row.bootstrap is not None) == known


def test_a_guardrails_power_is_that_of_simulated_tests() -> None:
    rng = RNG(4)
    plan = Plan(5.0, 3.0)
    shown = 0
    for _ in range(600):
        sides = [Sample.of(rng.gamma(25 / 9, 9 / 5, 300)) for _ in range(2)]
        row = compare_samples("T1", "sessions", *sides)
        shown += guard([row], {"sessions": 10.0})[0].status == "holds"
    assert shown / 600 == pytest.approx(plan.guardrail(-10, 300), abs=0.06)
    users = plan.guardrail_users(-10)
    assert plan.guardrail(-10, users) == pytest.approx(0.8, abs=1e-6)
    error = 3 * math.sqrt(1.81 / 300)
    assert 300 * users_factor(0.5, error) == pytest.approx(users, rel=0.01)
    assert users_factor(0.5, 0.1, wanted=0.9) == pytest.approx(
        ((stats.norm.ppf(0.975) + stats.norm.ppf(0.9)) * 0.2) ** 2
    )


def test_what_worse_means_depends_on_the_metric() -> None:
    rng = RNG(5)
    sides = [Sample.of(rng.normal(mean, 0.2, 200)) for mean in (5.0, 6.0)]
    row = compare_samples("T1", "sessions", *sides)
    slow = replace(row, effect=replace(row.effect, metric="mean_request_time"))
    found = guard([row, slow], {"sessions": 10.0, "mean_request_time": 10.0})
    assert [some.status for some in found] == ["holds", "broken"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--cap", "0"], "--cap 0: it must be a percentile above 50 and below 100"),
        (["--cuped"], "--cuped needs --before"),
        (["--drop-users", "no/such/file"], "--drop-users no/such/file: neither a file nor ids"),
        (["--drop-users", ","], "--drop-users ,: it has no ids"),
        (["--before", "LOG"], "--before: its last line is of"),
    ],
)
def test_options_that_cannot_be_are_one_line(
    words: list[str], message: str, make_events: Make, write_log: Make
) -> None:
    log = write_log(make_events(n_users=30))
    words = [str(log) if word == "LOG" else word for word in words]
    result = run("analyze", log, "--experiment", EXPERIMENT, *words)
    assert result.exit_code == 2
    assert result.output.startswith("Error: ")
    assert result.output.count("\n") == 1
    assert message in result.output


def test_users_to_drop_may_stand_in_a_file(
    make_events: Make, write_log: Make, tmp_path: Path
) -> None:
    log, robots, out = write_log(make_events(n_users=30)), tmp_path / "robots", tmp_path / "o.json"
    robots.write_text("3\n\n 4 \n9999\n")
    words = ("--drop-users", robots, "--json", out, "--cap", "99", "--out", tmp_path / "o.html")
    result = run("analyze", log, "--experiment", EXPERIMENT, *words)
    assert result.exit_code == 0, result.output
    assert "2 users dropped by name, with " in result.output
    assert "--drop-users: 1 of 3 are not in the experiment" in result.output
    found = json.loads(out.read_text())
    assert found["log"]["dropped_users"] == ["3", "4"]
    assert (found["cap"], found["cuped"]) == (99, False)
    assert found["heavy_users"][0]["share"] > 0
    row = found["metrics"][0]
    assert row["method"] == "permutation"
    assert row["cap"]["users"] >= 0
    assert "dropped by name" in (tmp_path / "o.html").read_text()
