"""The effect table: exactly the protocol's, and honest where it cannot be computed."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from offline.errors import InputError
from offline.experiment.aggregates.aggregate import aggregate
from offline.experiment.aggregates.summary import Aggregates
from offline.experiment.analysis import Options, analyse
from offline.experiment.checks.log_checks import INCOMPLETE
from offline.experiment.metrics import CORE_METRICS
from offline.experiment.stats.effects import Moments, as_frame, compare, effect_table
from offline.experiment.verdict.verdict import verdicts
from offline.experiment.words import label, percent
from offline.logs.reader import open_logs

Make = Callable[..., Any]
EXPERIMENT = "DAE_VS_CONTEXTUAL"


@pytest.fixture
def reduce(write_log: Make) -> Callable[..., Aggregates]:
    def reduced(lines: list[Any], experiment: str = EXPERIMENT) -> Aggregates:
        with open_logs([write_log(lines)]) as log:
            return aggregate(log, experiment)

    return reduced


def in_arm(event: Make, user: int, treatment: str, **fields: Any) -> dict[str, Any]:
    """A session of one line by `user` of `treatment`."""
    experiments = {EXPERIMENT: treatment}
    whole: dict[str, Any] = event(user=user, message="last", experiments=experiments, **fields)
    return whole


def obvious_table(events: list[dict[str, Any]]) -> pd.DataFrame:
    """The effect table once more, in plain pandas and scipy, from the protocol alone."""
    log = pd.DataFrame(events)
    log["treatment"] = [experiments[EXPERIMENT] for experiments in log["experiments"]]
    users = log.groupby(["treatment", "user"]).agg(
        lines=("track", "size"),
        sessions=("message", lambda messages: (messages == "last").sum()),
        time=("time", "sum"),
        mean_request_time=("latency", "mean"),
    )
    users["mean_session_length"] = users["lines"] / users["sessions"].replace(0, math.nan)
    users["mean_session_time"] = users["time"] / users["sessions"].replace(0, math.nan)
    table = []
    for treatment in sorted(set(log["treatment"]) - {"C"}):
        for metric in CORE_METRICS:
            control = users.loc["C", metric].dropna()
            treated = users.loc[treatment, metric].dropna()
            interval = stats.ttest_ind(treated, control, equal_var=False).confidence_interval(0.95)
            base = control.mean()
            lower, upper = 100 * interval.low / base, 100 * interval.high / base
            table.append(
                {
                    "treatment": treatment,
                    "metric": metric,
                    "effect": 100 * (treated.mean() / base - 1),
                    "upper": upper,
                    "lower": lower,
                    "control_mean": base,
                    "treatment_mean": treated.mean(),
                    "significant": not lower <= 0 <= upper,
                }
            )
    return pd.DataFrame(table)


@pytest.mark.parametrize(
    ("seed", "lift", "treatments"),
    [(1, 1.3, ("C", "T1")), (2, 1.0, ("C", "T1")), (3, 0.8, ("C", "T1", "T2", "T3"))],
)
def test_the_table_is_the_obvious_one_to_six_digits(
    seed: int, lift: float, treatments: tuple[str, ...], make_events: Make, reduce: Make
) -> None:
    events = make_events(seed, n_users=150, lift=lift, treatments=treatments)
    # Users who never finish a session and a `last` without a latency belong to real logs.
    events = [e for e in events if not (e["message"] == "last" and e["user"] % 10 == 3)]
    for event in events[::50]:
        event |= {"latency": None} if event["message"] == "last" else {}
    table = as_frame(effect_table(reduce(events)))
    expected = obvious_table(events)
    assert list(table.columns) == list(expected.columns)
    pd.testing.assert_frame_equal(table, expected, rtol=1e-6, check_dtype=False)


def test_a_welch_interval_worked_by_hand() -> None:
    """C: 9, 11 (mean 10, variance 2, of the mean 1); T: 13, 17, 17, 17 (16, 4, of the mean 1).

    Variance of the difference: 1 + 1 = 2. Freedom: 2² / (1²/1 + 1²/3) = 3, whose t quantile at
    97.5 % is 3.1824. Margin: 3.1824 × √2 = 4.5006, that is 45.006 % of the control mean.
    """
    row = compare("T1", "sessions", Moments.of([9, 11]), Moments.of([13, 17, 17, 17]))
    assert (row.control_mean, row.treatment_mean) == (10, 16)
    assert row.effect == pytest.approx(60)
    assert row.lower == pytest.approx(60 - 45.006, abs=0.001)
    assert row.upper == pytest.approx(60 + 45.006, abs=0.001)
    assert row.significant


def test_a_users_sessions_make_one_value(event: Make, reduce: Make) -> None:
    lines = [
        event(time=1.0, latency=0.1, timestamp=1),
        event(time=0.5, latency=0.2, timestamp=2),
        event(time=0.3, latency=0.6, timestamp=3, message="last"),
        event(time=1.0, message="last", timestamp=4, latency=None),
        in_arm(event, 2, "T1"),
    ]
    users = reduce(lines).users.set_index("user_id")
    assert users.loc["1", list(CORE_METRICS)].tolist() == pytest.approx([2, 2.0, 1.4, 0.3])


def test_a_user_without_a_finished_session_counts_where_there_is_a_value(
    event: Make, reduce: Make
) -> None:
    lines = [in_arm(event, user, arm) for user, arm in enumerate(["C", "C", "T1", "T1"])]
    lines.append(event(user=9, session="open", latency=0.5))
    found = reduce(lines)
    control = found.arms[0]
    assert (control.users, control.users_without_session) == (3, 1)
    assert (control.sessions, control.unfinished) == (2, 1)
    assert found.values("C", "sessions").tolist() == [1, 1, 0]
    assert len(found.values("C", "mean_session_time")) == 2
    assert len(found.values("C", "mean_request_time")) == 3


def test_treatments_come_in_natural_order(event: Make, reduce: Make) -> None:
    arms = ["T10", "T2", "C", "T1"]
    found = reduce([in_arm(event, user, arm) for user, arm in enumerate(arms)])
    assert [arm.treatment for arm in found.arms] == ["C", "T1", "T2", "T10"]
    assert [row.treatment for row in effect_table(found)[::4]] == ["T1", "T2", "T10"]


def test_lines_outside_and_users_in_two_treatments_are_counted(event: Make, reduce: Make) -> None:
    lines = [
        in_arm(event, 1, "C"),
        in_arm(event, 1, "T1", timestamp=1),
        in_arm(event, 2, "T1"),
        event(experiments={}),
        event(experiments={EXPERIMENT: None}),
        event(experiments={"OTHER": "C"}),
        "{",
    ]
    quality = reduce(lines).quality
    assert (quality.lines, quality.bad_lines) == (7, 1)
    assert (quality.lines_outside, quality.users_in_several) == (3, 1)


def test_an_experiment_that_is_not_there_names_those_that_are(event: Make, reduce: Make) -> None:
    lines = [event(experiments={"B": "C", "A": "T1"}), event(experiments={"A": "C"})]
    with pytest.raises(InputError, match="experiment X is not in the logs; they have: A, B"):
        reduce(lines, "X")
    with pytest.raises(InputError, match="experiment X is not in the logs; they have: none"):
        reduce([event(experiments={})], "X")


@pytest.mark.parametrize("arms", [["C"], ["T1"], ["T1", "T2"]])
def test_a_comparison_needs_a_control_and_a_treatment(
    arms: list[str], event: Make, reduce: Make
) -> None:
    with pytest.raises(InputError, match=f"has only {', '.join(arms)} in the logs"):
        reduce([in_arm(event, user, arm) for user, arm in enumerate(arms)])


def test_an_experiments_name_may_hold_any_character(event: Make, reduce: Make) -> None:
    name = 'a "b" $.c\\d [é]'
    lines = [event(user=user, experiments={name: arm}) for user, arm in enumerate(["C", "T1"])]
    assert [arm.users for arm in reduce(lines, name).arms] == [1, 1]


def test_a_treatment_with_one_user_has_an_effect_and_no_interval() -> None:
    row = compare("T1", "sessions", Moments.of([1, 3]), Moments.of([3]))
    assert row.effect == pytest.approx(50)
    assert (row.upper, row.lower, row.significant) == (None, None, False)
    assert row.note == "only 1 user in T1: no interval"


def test_a_treatment_without_values_has_a_marked_row() -> None:
    row = compare("T1", "mean_session_time", Moments.of([1, 3]), Moments.of([]))
    assert (row.effect, row.control_mean, row.treatment_mean) == (None, 2, None)
    assert row.note == "no user of T1 has a value"


def test_a_control_mean_of_zero_shows_the_difference() -> None:
    row = compare("T1", "sessions", Moments.of([0, 0, 0]), Moments.of([1, 2, 3]))
    assert (row.effect, row.upper, row.lower, row.significant) == (None, None, None, False)
    assert row.note.startswith("the control mean is 0: no relative effect; difference 2 (-0.48")


def test_a_constant_metric_is_marked_and_rounding_is_no_variation() -> None:
    thirds = [0.1 + 0.2, 0.3, 0.3]
    same = compare("T1", "sessions", Moments.of(thirds), Moments.of([0.3, 0.3]))
    assert (same.effect, same.lower, same.upper, same.significant) == (0, 0, 0, False)
    other = compare("T1", "sessions", Moments.of([1, 1]), Moments.of([2, 2]))
    assert (other.effect, other.lower, other.upper, other.significant) == (100, 100, 100, True)
    assert "same value" in same.note
    assert "same value" in other.note


def test_one_constant_side_still_has_an_interval() -> None:
    treated = np.array([1.0, 2.0, 4.0, 5.0])
    row = compare("T1", "sessions", Moments.of([2, 2, 2]), Moments.of(treated))
    assert row.upper is not None
    expected = stats.t.interval(0.95, 3, treated.mean(), stats.sem(treated))[1]
    assert row.upper == pytest.approx(100 * (expected / 2 - 1))


def sentence(found: Aggregates, names: dict[str, str] | None = None) -> tuple[str, str]:
    # Its sessions are of one line, which is no full play.
    options = Options(allowed=(INCOMPLETE,))
    verdict = verdicts(analyse(found, options=options), names or {})[0]
    return verdict.outcome, verdict.sentence


def test_the_verdict_says_who_wins(event: Make, reduce: Make) -> None:
    def run(gain: float) -> Aggregates:
        times = [(0.4, "C"), (0.5, "C"), (0.6, "C")] * 20
        times += [(time + gain, "T1") for time, _ in times]
        return reduce([in_arm(event, u, arm, time=time) for u, (time, arm) in enumerate(times)])

    # Variance of a mean: (0.02 / 3) / 59 a side, s = 0.010630; t(118) = 1.98027. Fieller for the
    # ratio r = 1.6: g = t² s² / 0.5² = 0.0017724, (r ± t s / 0.5 √(1 − g + r²)) / (1 − g).
    assert sentence(run(0.3)) == (
        "wins",
        "Ship T1: it beats C on session time by +60.0 %"
        " (95 % interval +52.3 to +68.2 %; 60 users against 60).",
    )
    assert sentence(run(-0.3), {"T1": "DAE", "C": "CONTEXTUAL"}) == (
        "loses",
        "Keep CONTEXTUAL (C): DAE (T1) loses to it on session time by -60.0 %"
        " (95 % interval -64.5 to -55.4 %; 60 users against 60).",
    )
    assert sentence(run(0.01)) == (
        "open",
        "Keep C for now: no significant difference of T1 on session time: +2.00 %"
        " (95 % interval -3.84 to +8.20 %; 60 users against 60).",
    )


def test_the_verdict_says_when_there_is_none(event: Make, reduce: Make) -> None:
    lines = [in_arm(event, 1, "C"), in_arm(event, 2, "T1"), in_arm(event, 3, "T1")]
    assert sentence(reduce(lines)) == (
        "open",
        "No verdict on T1: it cannot be judged against C on session time: only 1 user in C: no"
        " interval.",
    )


def test_percentages_and_labels() -> None:
    assert [percent(value) for value in (84.31, -0.004, 1.234, -1250.4)] == [
        "+84.3 %",
        "0 %",
        "+1.23 %",
        "-1,250 %",
    ]
    assert label("T1", {"T1": "DAE"}) == "DAE (T1)"
    assert label("T2", {"T1": "DAE"}) == "T2"
