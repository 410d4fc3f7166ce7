"""Metrics as data: what a file may say, and what comes of it on a log."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from scipy import stats
from statsmodels.stats.multitest import multipletests

from offline.cli import main
from offline.errors import InputError
from offline.experiment.aggregates.aggregate import aggregate
from offline.experiment.aggregates.metric_sql import check_metrics, is_additive
from offline.experiment.analysis import Analysis, Options, analyse
from offline.experiment.metric_files import built_in, read_metrics
from offline.experiment.metrics import CORE_METRICS, Metric, Metrics
from offline.experiment.rule import Rule
from offline.experiment.stats.comparison import compare_samples
from offline.experiment.stats.sample import Sample
from offline.experiment.verdict.verdict import verdicts
from offline.logs.reader import open_logs

Make = Callable[..., Any]
EXPERIMENT = "DAE_VS_CONTEXTUAL"
CONFIG = Path(__file__).parents[3] / "config" / "metrics.yml"


@pytest.fixture
def metrics(tmp_path: Path) -> Callable[[str], Metrics]:
    def read(text: str) -> Metrics:
        path = tmp_path / "metrics.yml"
        path.write_text(text)
        found = read_metrics(path)
        check_metrics(found.of_users)
        return found

    return read


@pytest.fixture
def judge(write_log: Make) -> Callable[..., Analysis]:
    def judged(events: list[Any], of: Metrics, **options: Any) -> Analysis:
        with open_logs([write_log(events)]) as log:
            found = aggregate(log, EXPERIMENT, metrics=of)
        return analyse(found, options=Options(draws=0, **options))

    return judged


def of(analysis: Analysis, metric: str) -> Any:
    return next(row for row in analysis.comparisons if row.effect.metric == metric)


def per_user(events: list[Any], value: Callable[[pd.DataFrame], float]) -> list[Any]:
    """A value of each user, of the control and of T1."""
    frame = pd.DataFrame(events)
    frame["arm"] = [next(iter(some.values())) for some in frame["experiments"]]
    found = frame.groupby(["arm", "user"])[list(frame.columns)].apply(value)
    return [found["C"].to_numpy(), found["T1"].to_numpy()]


def test_the_built_in_metrics_and_the_config_can_be_computed() -> None:
    check_metrics(built_in().of_users)
    assert [some.name for some in built_in().primaries] == ["mean_session_time"]
    assert built_in().margins == {"sessions": 10}
    assert set(CORE_METRICS) <= set(built_in().by_name)
    own = read_metrics(CONFIG)
    check_metrics(own.of_users)
    assert {"skips", "active_minutes"} <= set(own.by_name)


DEEP = """
metrics:
  distinct:
    title: Different tracks
    numerator: COUNT(DISTINCT track)
    direction: up
    role: primary
  skips:
    {title: Skips, kind: ratio, numerator: SUM(CASE WHEN time < 0.1 THEN 1 ELSE 0 END),
     denominator: COUNT(*), scale: 100, unit: "%", direction: down, role: primary}
  longest: {title: Longest, from: sessions, numerator: MAX(length), direction: up}
  mean_session_time: {role: secondary}
  repeats: null
"""


def test_metrics_of_a_file_agree_with_pandas(
    make_events: Make, metrics: Any, judge: Callable[..., Analysis]
) -> None:
    events = make_events(n_users=300)
    analysis = judge(events, metrics(DEEP))
    sides = per_user(events, lambda own: own["track"].nunique())
    row = of(analysis, "distinct")
    expected = 100 * (sides[1].mean() / sides[0].mean() - 1)
    assert row.effect.effect == pytest.approx(expected)
    assert row.p == pytest.approx(stats.ttest_ind(sides[1], sides[0], equal_var=False).pvalue)
    longest = per_user(events, lambda own: own["session"].value_counts().max())
    assert of(analysis, "longest").effect.treatment_mean == pytest.approx(longest[1].mean())
    skips = [
        pd.DataFrame([e for e in events if e["experiments"][EXPERIMENT] == arm])["time"] < 0.1
        for arm in ("C", "T1")
    ]
    assert of(analysis, "skips").effect.control_mean == pytest.approx(skips[0].mean())
    # Of a count of different tracks the looks are computed anew, of sums they are added up.
    for name in ("distinct", "skips"):
        looks = analysis.looks_of[name]["T1"]
        assert len(looks) > 2
        assert looks[-1].effect == pytest.approx(of(analysis, name).effect.effect)
    until = (looks[0].period + 1) * 86_400_000
    early = per_user(
        [e for e in events if e["timestamp"] < until], lambda own: own["track"].nunique()
    )
    assert analysis.looks_of["distinct"]["T1"][0].effect == pytest.approx(
        100 * (early[1].mean() / early[0].mean() - 1)
    )
    assert "repeats" not in {row.effect.metric for row in analysis.comparisons}
    # The table keeps its four metrics and their order, whatever decides.
    assert [row.metric for row in analysis.core_effects] == list(CORE_METRICS)


def test_several_primary_metrics_share_the_verdicts_error(
    make_events: Make, metrics: Any, judge: Callable[..., Analysis]
) -> None:
    both = metrics(DEEP)
    assert [some.name for some in both.primaries] == ["distinct", "skips"]
    analysis = judge(make_events(n_users=300), both, margins={})
    [verdict] = verdicts(analysis, {})
    rows = analysis.primary_rows("T1")
    adjusted = multipletests([row.p for row in rows], method="holm")[1]
    better = [row.effect.metric for row, p in zip(rows, adjusted, strict=True) if p < 0.05]
    assert ("skips" in better) == ("on skips by -" in verdict.sentence)
    assert verdict.outcome == "wins"
    assert ("distinct" in better) == ("on different tracks by" in verdict.sentence)


def test_better_in_one_and_worse_in_another_is_no_clear_answer(
    event: Make, metrics: Any, judge: Callable[..., Analysis]
) -> None:
    """T1 hears more of each track, and hears longer waits; C has 200 users, and so has T1."""
    rng = np.random.default_rng(3)
    lines = []
    for user in range(400):
        arm = ("C", "T1")[user % 2]
        heard = rng.normal(0.5, 0.05) + 0.1 * (arm == "T1")
        wait = rng.normal(0.01, 0.001) + 0.01 * (arm == "T1")
        common = {"user": user, "latency": wait, "experiments": {EXPERIMENT: arm}}
        lines.append(event(**common))
        lines.append(
            event(
                **common, message="last", track=8, time=heard, timestamp=event()["timestamp"] + 1
            )
        )
    of_both = built_in().with_primaries(["mean_request_time", "mean_session_time"])
    [verdict] = verdicts(judge(lines, of_both, margins={}), {})
    assert verdict.outcome == "open"
    assert verdict.sentence.startswith("No clear answer on T1: it beats C on session time by +6.")
    assert "but loses to it on request time by +" in verdict.sentence
    slow = built_in().with_primaries(["mean_request_time"])
    [verdict] = verdicts(judge(lines, slow, margins={}), {})
    assert (verdict.outcome, verdict.sentence[:43]) == (
        "loses",
        "Keep C: T1 loses to it on request time by +",
    )


def test_alpha_is_that_of_every_interval_but_the_tables(
    make_events: Make, judge: Callable[..., Analysis]
) -> None:
    events = make_events(n_users=300, lift=1.03)
    usual, strict = (judge(events, built_in(), alpha=alpha) for alpha in (0.05, 0.001))
    assert usual.core_effects == strict.core_effects
    for name in ("mean_session_time", "long_sessions"):
        one, other = of(usual, name), of(strict, name)
        assert one.p == other.p
        widths = [row.relative[1] - row.relative[0] for row in (one, other)]
        # Fieller intervals grow a little faster than the quantile.
        assert widths[1] / widths[0] == pytest.approx(
            stats.norm.ppf(0.9995) / stats.norm.ppf(0.975),
            rel=0.15,  # Fieller's grow a little faster
        )
        assert other.detectable > one.detectable
    wide, narrow = (some.looks["T1"][-1] for some in (strict, usual))
    assert wide.upper - wide.lower > narrow.upper - narrow.lower
    assert "99.9 % interval" in verdicts(strict, {})[0].sentence


def test_alpha_of_a_permutation_is_that_of_its_interval() -> None:
    rng = np.random.default_rng(4)
    sides = [Sample.of(rng.exponential(size, 25)) for size in (1.0, 2.0)]
    for alpha in (0.2, 0.05, 0.01, 0.002):
        row = compare_samples("T", "m", *sides, alpha=alpha)
        assert row.method == "permutation"
        assert row.relative is not None
        assert row.p is not None
        assert (row.p < alpha) == (not row.relative[0] <= 0 <= row.relative[1])


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ("x: {title: X, numerator: COUNT(*), direction: up, colour: red}", "unknown key 'colour'"),
        ("x: {numerator: COUNT(*), direction: up}", "metric x: it needs `title`"),
        ("x: {title: X, numerator: COUNT(*)}", "it needs `direction`"),
        ("x: {title: X, numerator: COUNT(*), direction: sideways}", "`direction`: "),
        ("x: {title: X, direction: up}", "`numerator`: it is empty"),
        (
            "x: {title: X, kind: ratio, numerator: COUNT(*), direction: up}",
            "needs a `denominator`",
        ),
        ("x: {title: X, kind: coverage, direction: up}", "kind `coverage` is built in"),
        ("x: {title: X, numerator: COUNT(*), direction: up, role: guardrail}", "needs a `margin`"),
        ("x: {title: X, numerator: COUNT(*), direction: up, margin: 3}", "`margin` is of guard"),
        ("x: {title: X, numerator: COUNT(*), direction: up, decimals: -1}", "`decimals`: "),
        ("X y: {title: X, numerator: COUNT(*), direction: up}", "its name must be like"),
        ("all: {title: X, numerator: COUNT(*), direction: up}", "that name is reserved"),
        ("sessions: {numerator: COUNT(*)}", "`numerator` of it cannot be changed"),
        ("sessions: null", "it is of the effect table"),
        ("nothing: null", "takes a built-in metric away, and it is none"),
        ("coverage: {role: primary}", "it cannot be primary"),
        ("mean_session_time: {role: secondary}", "no metric has `role: primary`"),
        ("x: {title: X, numerator: 'SUM(tiem)', direction: up}", "metric x: its numerator cannot"),
        ("x: {title: X, numerator: time, direction: up}", "metric x: its numerator cannot be"),
        ("x: {title: X, numerator: COUNT(*); DROP TABLE y, direction: up}", "one expression"),
        ("x: {title: X, numerator: (SELECT 1), direction: up}", "'SELECT' cannot be in it"),
        ("x: {title: X, numerator: SUM(time, direction: up}", "is not YAML|do not match"),
        ("x: 5", "it must have keys"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(metrics: Any, told: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason.replace("(", r"\(").replace("*", r"\*")):
        metrics(f"metrics:\n  {told}\n")


@pytest.mark.parametrize(
    "text", ["", "metrics: []", "a: 1", "metrics: {}\nrules: holdout", "[", "x"]
)
def test_what_is_no_file_of_metrics_is_refused(metrics: Any, text: str) -> None:
    with pytest.raises(InputError, match=r"metrics\.yml"):
        metrics(text)


def test_a_file_says_the_rule_and_an_option_wins(
    metrics: Any, make_events: Make, write_log: Make, tmp_path: Path
) -> None:
    text = "rule: non-inferiority=2\nmetrics: {}\n"
    assert metrics(text).rule == Rule("non-inferiority", 2.0)
    assert metrics(text).with_primaries(["sessions"]).rule == Rule("non-inferiority", 2.0)
    assert metrics("metrics: {}").rule == Rule()
    log, file, out = write_log(make_events(n_users=60)), tmp_path / "m.yml", tmp_path / "f.json"
    file.write_text(text)
    for words, rule in (((), "non-inferiority=2"), (("--rule", "holdout"), "holdout")):
        result = run("analyze", log, "--metrics", file, *words, "--json", out)
        assert result.exit_code == 0, result.output
        assert json.loads(out.read_text())["rule"] == rule


@pytest.mark.parametrize("rule", ["fastest", "equivalence", "{holdout: 1}", "non-inferiority=x"])
def test_a_rule_that_is_none_is_refused(metrics: Any, rule: str) -> None:
    with pytest.raises(InputError, match=r"metrics\.yml: rule .*: it must be superiority"):
        metrics(f"rule: {rule}\nmetrics: {{}}")


def test_a_metric_that_fails_on_the_log_is_named(make_events: Make, judge: Any) -> None:
    """Text that is no number can only be told from the log itself."""
    bad = Metric("broken", "Broken", numerator="SUM(CAST(recommender AS INTEGER))")
    with pytest.raises(InputError, match="metric broken: its numerator cannot be computed"):
        judge(make_events(n_users=20), Metrics({**built_in().by_name, "broken": bad}))


def test_a_primary_metric_that_the_log_cannot_tell_is_refused(
    make_events: Make, judge: Any
) -> None:
    own = built_in().with_primaries(["artists_per_session"])
    with pytest.raises(InputError, match="artists_per_session is primary: needs --catalog"):
        judge(make_events(n_users=60), own)


@pytest.mark.parametrize(
    ("sql", "adds_up"),
    [
        ("COUNT(*)", True),
        ("sum( CASE WHEN (a) THEN 1 END )", True),
        ("COUNT(DISTINCT track)", False),
        ("SUM(a) + SUM(b)", False),
        ("MAX(a)", False),
        ("SUM(a) FILTER (WHERE b)", False),
        (None, True),
    ],
)
def test_which_sums_add_up(sql: str | None, adds_up: bool) -> None:
    assert is_additive(sql) == adds_up


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_the_command_takes_metrics_primary_and_alpha(
    make_events: Make, write_log: Make, tmp_path: Path
) -> None:
    log, out, page = write_log(make_events(n_users=150)), tmp_path / "f.json", tmp_path / "p.html"
    words = ("--metrics", CONFIG, "--primary", "skips", "--alpha", 0.01)
    result = run(
        "analyze", log, *words, "--guardrail", "sessions=off", "--json", out, "--out", page
    )
    assert result.exit_code == 0, result.output
    assert "on skips by -" in result.output.splitlines()[0]
    assert "99 % interval" in result.output.splitlines()[0]
    found = json.loads(out.read_text())
    assert (found["primaries"], found["alpha"], found["deciding"]) == (["skips"], 0.01, "skips")
    assert found["experiment"] == EXPERIMENT  # the log has no other
    text = page.read_text()
    assert "Effect on skips after each" in text
    assert "session time after" not in text
    assert "99 % interval" in text
    assert "95 %" not in text.split("</style>")[1]


def test_the_experiment_is_named_where_there_are_several(event: Make, write_log: Make) -> None:
    lines = [event(user=u, experiments={"A": "C", "B": arm}) for u, arm in enumerate(["C", "T1"])]
    result = run("analyze", write_log(lines))
    assert result.exit_code == 2
    assert "the logs have 2 experiments, A, B: name one by --experiment" in result.output
    none = write_log([event(experiments={})], "none.json")
    assert "the logs have no experiment" in run("analyze", none).output


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--primary", "nope"), "--primary nope: there is no such metric; there are sessions"),
        (("--primary", "coverage"), "--primary coverage: there is no such metric"),
        (("--alpha", "2"), "--alpha 2: it must be from 0.0001 to 0.5"),
        (("--metrics", "none.yml"), "none.yml cannot be read"),
    ],
)
def test_options_that_are_none_are_refused(
    event: Make, write_log: Make, words: tuple[str, ...], reason: str
) -> None:
    result = run("analyze", write_log([event()]), *words)
    assert result.exit_code == 2
    assert reason in result.output
