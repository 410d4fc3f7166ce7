"""The page with metrics of a person's own: several primary ones, another alpha, tables."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from offline.cli import main
from offline.experiment.analysis import Analysis, Options
from offline.experiment.metric_files import built_in
from offline.experiment.metrics import Metric
from offline.experiment.report.effect_rows import effect_blocks
from offline.experiment.report.outlook import gain_in_words, outlook, users_for_difference
from offline.experiment.stats.absolute import absolute
from offline.experiment.stats.comparison import Comparison, compare_samples, with_adjusted_p
from offline.experiment.stats.sample import Sample
from offline.experiment.verdict.gains import gain
from offline.experiment.verdict.roles import groups
from offline.experiment.verdict.verdict import verdicts

Make = Callable[..., Any]


def with_primaries(analysis: Analysis, *names: str) -> Analysis:
    metrics = analysis.metrics.with_primaries(names)
    of_all = {name: dict.fromkeys(analysis.looks, ()) for name in names}
    aggregates = replace(analysis.aggregates, metrics=metrics)
    return replace(analysis, aggregates=aggregates, looks_of={**of_all, **analysis.looks_of})


def row_of(metric: str, control: Sample, treated: Sample) -> Comparison:
    return with_adjusted_p([compare_samples("T1", metric, control, treated)])[0]


def with_row(analysis: Analysis, row: Comparison) -> Analysis:
    rest = (some for some in analysis.comparisons if some.effect.metric != row.effect.metric)
    return replace(analysis, comparisons=(*rest, row))


def fallbacks(share: float) -> Sample:
    """2,000 users with 20 answers each."""
    above = np.zeros(2000)
    above[: round(2000 * share)] = 1
    return Sample(above, np.full(2000, 20.0))


@pytest.mark.parametrize(("share", "told"), [(0.058, None), (0.9, "fallbacks +4.49 points")])
def test_harm_in_a_share_is_told_in_points_where_it_matters(
    make_events: Make, analysed: Make, share: float, told: str | None
) -> None:
    """0.01 against 0.29 % is 29 times as many, and nobody's harm."""
    analysis = analysed(make_events(n_users=160, lift=1.4), Options(margins={}))
    analysis = with_row(analysis, row_of("fallbacks", fallbacks(0.002), fallbacks(share)))
    [verdict] = verdicts(analysis, {})
    assert verdict.outcome == "wins"
    found = re.search("significantly worse: .*(fallbacks.*)[.]", verdict.sentence)
    assert (found and found[1]) == told


def test_primary_metrics_come_first_in_the_order_in_which_they_were_named(
    make_events: Make, analysed: Make
) -> None:
    analysis = analysed(make_events(n_users=160, lift=1.4))
    analysis = with_primaries(analysis, "time_per_user", "mean_session_length")
    first = groups(analysis, "T1")[0]
    assert [row.effect.metric for row in first.rows] == ["time_per_user", "mean_session_length"]
    assert re.match(r"Time per user: .*; session length: ", gain_in_words(analysis, "T1"))


def test_several_primary_metrics_take_more_users(make_events: Make, analysed: Make) -> None:
    analysis = analysed(make_events(n_users=200, lift=1.03))
    alone = users_for_difference(analysis, analysis.deciding("T1"))
    both = with_primaries(analysis, "mean_session_time", "sessions")
    more = users_for_difference(both, both.deciding("T1"))
    assert alone is not None
    assert more is not None
    # (z of 2.5 / 2 % + z of 80 %)² against that of 5 / 2 %.
    assert more / alone == pytest.approx(((2.2414 + 0.8416) / (1.9600 + 0.8416)) ** 2, rel=1e-3)


def test_better_in_one_and_worse_in_another_is_no_matter_of_users(
    make_events: Make, analysed: Make
) -> None:
    analysis = with_primaries(
        analysed(make_events(n_users=160, lift=1.4)), "mean_session_time", "mean_request_time"
    )
    rng = np.random.default_rng(8)
    slow = row_of(
        "mean_request_time",
        *(Sample.of(rng.normal(mean, 0.001, 500)) for mean in (0.01, 0.02)),
    )
    analysis = with_row(analysis, slow)
    [verdict] = verdicts(analysis, {})
    assert verdict.sentence.startswith("No clear answer")
    [sentence] = outlook(analysis, verdict)
    assert sentence.startswith("It is better in session time, worse in request time: more users")


def test_a_plot_says_which_interval_it_is(make_events: Make, analysed: Make) -> None:
    analysis = analysed(make_events(n_users=160, lift=1.4), Options(alpha=0.01))
    [block] = effect_blocks(analysis, {"C": "C", "T1": "T1"})
    told = [row.plot.description for group in block.groups for row in group.rows if row.plot]
    assert told
    assert all(", 99 % interval " in text for text in told)


def test_words_of_a_built_in_metric_are_not_those_of_one_of_its_name() -> None:
    rng = np.random.default_rng(5)
    row = row_of("sessions", *(Sample.of(rng.normal(mean, 1, 400)) for mean in (5.0, 5.8)))
    usual = built_in()["sessions"]
    assert gain(row, usual).words.endswith(" more finished sessions per user")
    assert gain(row, replace(usual, role="primary")).words == gain(row, usual).words
    for other in (
        Metric("sessions", "Sessions", numerator='SUM("sessions")', unit=" h"),
        replace(usual, scale=60.0, unit=" h"),
    ):
        assert re.fullmatch(r"[\d.]+ h more", gain(row, other).words)


def test_rounding_is_no_difference() -> None:
    values = np.random.default_rng(1).normal(0.001, 1e-5, 300)
    row = row_of("mean_request_time", Sample.of(values), Sample.of(values * (1 + 1e-15)))
    assert absolute(row).difference
    assert gain(row, built_in()["mean_request_time"]).words == "no difference"


def test_the_page_of_a_table_speaks_of_rows_and_links_names_with_spaces(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    rows = [f"{k},{'ab'[k % 2]} 1,{rng.gamma(2, 20)},{k % 3}" for k in range(400)]
    (tmp_path / "t.csv").write_text("id,arm,order value,paid/y\n" + "\n".join(rows))
    words = ["--table", str(tmp_path / "t.csv"), "--unit", "id", "--treatment", "arm"]
    words += ["--control", "a 1", "--metric", "order value", "--metric", "paid/y"]
    page = tmp_path / "page.html"
    done = CliRunner().invoke(main, ["analyze", *words, "--alpha", "0.1", "--out", str(page)])
    assert done.exit_code == 0, done.output
    text = page.read_text()
    anchors = set(re.findall(r'\bid="([^"]*)"', text))
    links = set(re.findall(r'href="#([^"]*)"', text))
    assert links <= anchors
    assert "metric-order%20value" in links
    assert "b 1 against a 1" in text
    assert "400 rows in 1 file" in text
    assert "90 % interval" in text
    assert "session" not in text.split("</style>")[1].replace("sessions, were assigned", "")
