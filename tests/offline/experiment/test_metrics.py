"""What a log tells beyond the effect table, and what is said of lines that do not count."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from scipy import stats

from offline.cli import main
from offline.errors import InputError
from offline.experiment.aggregates.aggregate import aggregate, aggregate_all
from offline.experiment.aggregates.summary import Aggregates
from offline.experiment.analysis import Analysis, Options, analyse
from offline.experiment.guardrails import parse_margins
from offline.experiment.metric_files import built_in
from offline.experiment.report.text import more_text, quality_text
from offline.experiment.report.to_json import as_json
from offline.experiment.stats.effects import as_frame
from offline.experiment.verdict.verdict import verdicts
from offline.logs.reader import open_logs

Make = Callable[..., Any]
EXPERIMENT = "DAE_VS_CONTEXTUAL"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def reduce(write_log: Make) -> Callable[..., Aggregates]:
    def reduced(lines: list[Any], catalog: Path | None = None) -> Aggregates:
        with open_logs([write_log(lines)]) as log:
            return aggregate(log, EXPERIMENT, catalog)

    return reduced


def session(
    event: Make, user: int, arm: str, tracks: list[int], start: int = 0, **fields: Any
) -> list[dict[str, Any]]:
    """A session that plays these tracks, a second each."""
    return [
        event(
            user=user,
            experiments={EXPERIMENT: arm},
            timestamp=start + 1000 * place,
            track=track,
            message="last" if place == len(tracks) - 1 else "next",
            recommendation=None if place == len(tracks) - 1 else tracks[place + 1],
            **fields,
        )
        for place, track in enumerate(tracks)
    ]


def earlier(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same, a year before."""
    return [e | {"timestamp": e["timestamp"] - 365 * 86_400_000} for e in events]


def of(analysis: Analysis, metric: str) -> Any:
    return next(row for row in analysis.comparisons if row.effect.metric == metric)


RATIOS = ("recommended_per_session", "repeats", "artists_per_session", "long_sessions")


def test_repeats_artists_and_long_sessions_by_hand(
    event: Make, reduce: Make, tmp_path: Path
) -> None:
    catalog = tmp_path / "tracks.json"
    catalog.write_text(
        "".join(
            json.dumps({"track": t, "artist": f"a{t // 2}", "title": ""}) + "\n" for t in range(20)
        )
    )
    lines = session(event, 1, "C", [0, 1, 2, 0]) + session(event, 1, "C", [3, 3], 10**6)
    lines += session(event, 2, "T1", list(range(12)))
    users = reduce(lines, catalog).users.set_index("user_id")
    sums = {name: built_in()[name].sums(users) for name in built_in().by_name if name in RATIOS}
    # 4 + 2 lines, of which 3 + 1 were recommended; tracks 0 and 3 came twice; artists a0 a1, a1.
    assert [sums[name][0][0] for name in RATIOS] == [4, 2, 3, 0]
    assert [sums[name][1][0] for name in RATIOS] == [2, 4, 2, 2]
    assert [sums[name][0][1] for name in RATIOS] == [11, 0, 6, 1]


def test_fallbacks_are_answers_of_others_than_most(event: Make, reduce: Make) -> None:
    lines = [
        *session(event, 1, "C", [1, 2, 3, 4], recommender="dae"),
        *session(event, 2, "C", [1, 2], recommender="random"),
        *session(event, 3, "T1", [1, 2], recommender="random"),
    ]
    found = reduce(lines)
    assert found.recommenders == {"C": "dae", "T1": "random"}
    others, answers = built_in()["fallbacks"].sums(found.users)
    assert others.tolist() == [0, 2, 0]
    assert answers.tolist() == [4, 2, 2]


def test_duplicates_are_left_out_and_counted(event: Make, reduce: Make) -> None:
    lines = session(event, 1, "C", [1, 2, 3]) + session(event, 2, "T1", [1, 2])
    plain, doubled = reduce(lines), reduce([*lines, *lines[:3]])
    assert (plain.quality.duplicates, doubled.quality.duplicates) == (0, 3)
    pd.testing.assert_frame_equal(plain.users, doubled.users)
    assert "duplicates, left out: 3" in quality_text(doubled)


def test_a_clock_that_goes_backwards_is_told(event: Make, reduce: Make) -> None:
    lines = session(event, 1, "C", [1, 2, 3]) + session(event, 2, "T1", [1, 2])
    assert reduce(lines).quality.backwards == 0
    lines[0]["timestamp"] = 1500
    found = reduce(lines)
    assert found.quality.backwards == 1
    assert "lines from a clock that went backwards: 1" in quality_text(found)


def test_a_part_of_several_logs_has_no_order_to_hold_it_to(
    event: Make, reduce: Make, write_log: Make
) -> None:
    lines = session(event, 1, "C", [1, 2, 3]) + session(event, 2, "T1", [1, 2])
    lines[0]["timestamp"] = 1500
    for name, backwards in (("20261128T030152Z-5f0c2a91", 1), ("20261128T030152Z-5f0c2a91-x2", 0)):
        path = write_log(lines, f"data.json.{name}.gz")
        with open_logs([path]) as log:
            assert aggregate(log, EXPERIMENT).quality.backwards == backwards


def test_fields_may_be_absent(make_events: Make, reduce: Make) -> None:
    """What other services of the family do not log costs only the metrics that need it."""
    extra = ("session", "recommender", "recommendation")
    bare = [{k: v for k, v in e.items() if k not in extra} for e in make_events()]
    analysis = analyse(reduce(bare))
    assert analysis.missing == {
        "artists_per_session": "needs --catalog tracks.json",
        "fallbacks": "the log has no `recommender`",
        "coverage": "the log has no `recommendation`",
    }
    whole = analyse(reduce(make_events()))
    # Not to the last digit: sums over threads differ in it.
    pd.testing.assert_frame_equal(as_frame(analysis.core_effects), as_frame(whole.core_effects))
    assert "coverage: the log has no `recommendation`" in more_text(analysis)


def obvious(events: list[dict[str, Any]]) -> dict[str, tuple[float, float]]:
    """Difference and half of its Welch interval, of other metrics in plain pandas."""
    log = pd.DataFrame(events).sort_values(["user", "timestamp"], kind="stable")
    log["arm"] = [experiments[EXPERIMENT] for experiments in log["experiments"]]
    cut = log.groupby(["arm", "user", "session"]).agg(
        lines=("track", "size"),
        distinct=("track", "nunique"),
        ended=("message", lambda m: "last" in set(m)),
    )
    cut["long"] = cut["ended"] & (cut["lines"] > 10)
    cut["recommended"], cut["repeats"] = cut["lines"] - 1, cut["lines"] - cut["distinct"]
    users = cut.groupby(["arm", "user"])[["ended", "long", "recommended", "repeats"]].sum()
    found = {}
    for name, above, below in (
        ("recommended_per_session", "recommended", "ended"),
        ("long_sessions", "long", "ended"),
        ("repeats", "repeats", "recommended"),
    ):
        means, variances, degrees = [], [], []
        for arm in ("C", "T1"):
            a, b = users.loc[arm, above].astype(float), users.loc[arm, below].astype(float)
            # HC3: what is left of the weighted regression of a / b on nothing but a constant.
            ratio = a.sum() / b.sum()
            left = (a - ratio * b) / (1 - b / b.sum())
            means.append(ratio)
            variances.append((left**2).sum() / b.sum() ** 2)
            degrees.append(b.sum() ** 2 / (b**2).sum() - 1)  # Kish's number of users, less one
        freedom = sum(variances) ** 2 / sum(
            variance**2 / degree for variance, degree in zip(variances, degrees, strict=True)
        )
        half = stats.t.ppf(0.975, freedom) * np.sqrt(sum(variances))
        found[name] = (means[1] - means[0], float(half))
    return found


def test_ratios_agree_with_an_obvious_computation(make_events: Make, reduce: Make) -> None:
    events = make_events(n_users=300)
    analysis = analyse(reduce(events))
    for name, (difference, expected) in obvious(events).items():
        row = of(analysis, name)
        base = row.effect.control_mean
        assert row.effect.effect == pytest.approx(100 * difference / base, rel=1e-6)
        half = base * (row.effect.upper - row.effect.lower) / 200
        assert half == pytest.approx(expected, rel=1e-6)


def test_a_period_before_narrows_the_interval(make_events: Make, write_log: Make) -> None:
    """Every other session of the same listeners is taken for the time before."""
    events = make_events(seed=1, n_users=300, lift=1.0, sessions_per_user=20.0)
    before, now = ([e for e in events if int(e["session"][-1]) % 2 == i] for i in (0, 1))
    before = earlier(before)
    with open_logs([write_log(now)]) as log:
        found = aggregate(log, EXPERIMENT)
    with open_logs([write_log(before)]) as log:
        analysis = analyse(found, aggregate_all(log))
    row = of(analysis, "mean_session_time")
    assert row.adjusted.reduction > 0.3
    assert row.cuped[1] - row.cuped[0] < 0.85 * (row.relative[1] - row.relative[0])
    assert as_json(analysis, ())["metrics"][2]["cuped"]["variance_reduction"] > 0


def test_p_values_are_adjusted_over_all_rows(make_events: Make, reduce: Make) -> None:
    rows = analyse(reduce(make_events(treatments=("C", "T1", "T2")))).comparisons
    values = sorted(row.p for row in rows if row.p is not None)
    smallest = min(rows, key=lambda row: 1 if row.p is None else row.p)
    assert smallest.p_holm == pytest.approx(min(1, values[0] * len(values)))
    for row in rows:
        if row.p is not None:
            assert row.p <= row.p_bh <= row.p_holm * (1 + 1e-12)


def test_looks_end_where_the_table_does(make_events: Make, reduce: Make) -> None:
    analysis = analyse(reduce(make_events(n_users=400)))
    assert analysis.aggregates.period_name == "day"
    looks = analysis.looks["T1"]
    assert looks[-1].effect == pytest.approx(of(analysis, "mean_session_time").effect.effect)
    for look in looks:
        assert look.lower < look.fixed_lower < look.effect < look.fixed_upper < look.upper


def test_the_sequential_verdict_rests_on_the_last_look(make_events: Make, reduce: Make) -> None:
    found = reduce(make_events(n_users=400, lift=2.0))
    [verdict] = verdicts(analyse(found, options=Options(sequential=True)), {})
    assert "always-valid 95 % interval" in verdict.sentence
    few = reduce(make_events(n_users=40))
    [verdict] = verdicts(analyse(few, options=Options(sequential=True)), {})
    assert "there are too few users for a first look" in verdict.sentence


def test_a_broken_guardrail_stops_a_winner(make_events: Make, reduce: Make) -> None:
    events = make_events(n_users=200, lift=2.0)
    slower = [
        e | {"latency": e["latency"] * (1 + ("T1" in e["experiments"].values()))} for e in events
    ]
    strict = Options(margins=parse_margins(["mean_request_time=20"], built_in()))
    [verdict] = verdicts(analyse(reduce(slower), options=strict), {})
    assert verdict.outcome == "open"
    assert verdict.sentence.startswith("Do not ship T1 yet: it beats C on session time by +")
    assert "but request time +100.6 % breaks +20 %;" in verdict.sentence
    loose = Options(margins=parse_margins(["sessions=off"], built_in()))
    [verdict] = verdicts(analyse(reduce(slower), options=loose), {})
    assert (verdict.outcome, verdict.sentence[:8]) == ("wins", "Ship T1:")


def test_several_treatments_share_the_verdicts_error(event: Make, reduce: Make) -> None:
    """p of T1 is .03 by itself: not enough where nine others might have been lucky."""
    rng = np.random.default_rng(0)
    lines = []
    for arm in ("C", *(f"T{k}" for k in range(1, 11))):
        values = rng.normal(size=40)
        values = 0.5 + 0.1 * (values - values.mean()) / values.std()
        values += 0.05 if arm == "T1" else 0.0
        for value in values:
            played = session(event, len(lines), arm, [1, 2])
            played[-1]["time"] = float(np.clip(value, 0, 1))
            lines += played
    analysis = analyse(reduce(lines))
    assert 0.005 < of(analysis, "mean_session_time").p < 0.05
    first = verdicts(analysis, {})[0]
    assert first.outcome == "open"
    assert "after correcting for several treatments" in first.sentence


@pytest.mark.parametrize(
    "text", ["speed=3", "sessions", "sessions=x", "sessions=0", "sessions=inf"]
)
def test_guardrails_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="--guardrail"):
        parse_margins([text], built_in())


def test_the_command_takes_a_period_before_and_a_catalog(
    make_events: Make, write_log: Make, tmp_path: Path
) -> None:
    catalog = tmp_path / "tracks.json"
    catalog.write_text(
        "".join(
            json.dumps({"track": t, "artist": f"a{t % 9}", "title": ""}) + "\n" for t in range(400)
        )
    )
    events = make_events(n_users=260)
    log, past = write_log(events), write_log(earlier(events), "past.json")
    out = tmp_path / "found.json"
    words = ("--experiment", EXPERIMENT, "--before", past, "--catalog", catalog, "--json", out)
    result = run("analyze", log, *words, "--out", tmp_path / "r.html")
    assert result.exit_code == 0, result.output
    found = json.loads(out.read_text())
    # The period itself as its own past: nothing of the variance is left.
    by_name = {row["metric"]: row for row in found["metrics"]}
    assert by_name["mean_session_time"]["cuped"]["variance_reduction"] > 0.9
    assert by_name["artists_per_session"]["control"] > 1
    assert by_name["request_time_p99"]["interval"] is not None
    assert "guardrail T1 sessions:" in result.output
    page = (tmp_path / "r.html").read_text()
    assert "Effect over time" in page
    assert "By activity before the experiment" in page
