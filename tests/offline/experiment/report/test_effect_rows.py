"""The effect table of the page, row by row: order, units, words, colours and plots."""

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from offline.experiment.analysis import Options
from offline.experiment.metric_files import built_in
from offline.experiment.report.effect_rows import EffectRow, effect_blocks
from offline.experiment.report.outlook import gain_in_words
from offline.experiment.report.page import render_report
from offline.experiment.report.row_plot import row_plot
from offline.experiment.report.run_info import RunInfo
from offline.experiment.stats.comparison import Comparison, compare_samples, with_adjusted_p
from offline.experiment.stats.sample import Sample
from offline.experiment.verdict.gains import gain, signed
from offline.experiment.verdict.roles import matters, significant
from offline.experiment.verdict.verdict import verdicts
from offline.experiment.words import interval

Make = Callable[..., Any]
EXPERIMENT = "DAE_VS_CONTEXTUAL"
METRICS = built_in()


def row_of(
    metric: str, control: tuple[Any, Any], treated: tuple[Any, Any], **options: Any
) -> Comparison:
    sides = [Sample(np.asarray(a, float), np.asarray(b, float)) for a, b in (control, treated)]
    row = compare_samples("T1", metric, sides[0], sides[1], **options)
    return with_adjusted_p([row])[0]


def shares(part: int, users: int = 2000, answers: int = 20) -> tuple[Any, Any]:
    """`part` of the users have one of their answers from elsewhere."""
    above = np.zeros(users)
    above[:part] = 1
    return above, np.full(users, float(answers))


def test_rows_come_by_role_each_with_a_link_to_its_meaning(
    make_events: Make, analysed: Make
) -> None:
    analysis = analysed(make_events(n_users=120), Options(margins={"mean_request_time": 20}))
    [block] = effect_blocks(analysis, {"C": "C", "T1": "T1"})
    assert [group.title for group in block.groups] == ["Primary", "Guardrails", "Others"]
    names = [[row.metric.name for row in group.rows] for group in block.groups]
    assert names[0] == ["mean_session_time"]
    assert names[1] == ["mean_request_time"]
    assert "sessions" in names[2]
    page = render_report(analysis, verdicts(analysis, {}), RunInfo())
    anchors = set(re.findall(r'\bid="([^"]*)"', page))
    links = set(re.findall(r'href="#([^"]*)"', page))
    assert links <= anchors
    assert {f"metric-{name}" for some in names for name in some} <= links


def test_a_share_that_hardly_differs_is_told_in_points_and_has_no_colour(
    make_events: Make, analysed: Make
) -> None:
    """0.01 against 0.29 %: 29 times as many, and a third of a point."""
    analysis = analysed(make_events(n_users=60))
    metric = METRICS["fallbacks"]
    row = row_of("fallbacks", shares(4), shares(116))
    assert row.effect.control_mean == pytest.approx(0.0001)
    assert row.effect.treatment_mean == pytest.approx(0.0029)
    assert row.p_holm is not None
    assert row.p_holm < 1e-6
    assert significant(analysis, row)
    assert not matters(analysis, row)
    found = gain(row, metric)
    assert found.text == "+0.28 points"
    # Two proportions, by hand: users have 0 or 1 / 20 each.
    error = math.sqrt(sum(p * (1 - p) / 400 / 2000 for p in (4 / 2000, 116 / 2000)))
    expected = 100 * (0.0028 - 1.96 * error), 100 * (0.0028 + 1.96 * error)
    assert found.interval == pytest.approx(expected, rel=0.01)
    large = row_of("fallbacks", shares(4), shares(800))
    assert matters(analysis, large)


def test_a_guardrail_within_its_margin_has_no_colour(make_events: Make, analysed: Make) -> None:
    rng = np.random.default_rng(4)
    control, treated = rng.normal(10, 1, 5000), rng.normal(9.5, 1, 5000)
    row = row_of("sessions", (control, np.ones(5000)), (treated, np.ones(5000)))
    lines = make_events(n_users=60)
    assert significant(analysed(lines), row)
    assert not matters(analysed(lines), row)
    assert matters(analysed(lines, Options(margins={"sessions": 3})), row)


def test_what_is_significant_is_what_the_verdict_rests_on(
    make_events: Make, analysed: Make
) -> None:
    """The primary metric is adjusted over the treatments, not over every row of the page."""
    arms = ("C", "T1", "T2", "T3")
    for seed in range(2):
        lines = make_events(n_users=300, treatments=arms, lift=1.04, seed=seed)
        analysis = analysed(lines, Options(margins={}))
        for verdict in verdicts(analysis, {}):
            row = analysis.deciding(verdict.treatment)
            assert significant(analysis, row) == (verdict.outcome != "open")


def test_without_a_ratio_the_row_is_in_the_unit(event: Make, analysed: Make) -> None:
    lines = []
    for user in range(60):
        arm = "T1" if user % 2 else "C"
        own = {"user": user, "experiments": {EXPERIMENT: arm}}
        lines.append(event(**own, timestamp=1_700_000_000_000 + user))
        if arm == "T1":
            lines.append(
                event(**own, message="last", timestamp=1_700_000_100_000 + user, time=0.2)
            )
    [block] = effect_blocks(analysed(lines), {"C": "C", "T1": "T1"})
    rows = {row.metric.name: row for group in block.groups for row in group.rows}
    sessions: EffectRow = rows["sessions"]
    assert sessions.effect == "+1.00"
    assert sessions.words == "1.00 more finished sessions per user"
    assert sessions.beside == ""


def test_without_an_interval_of_the_ratio_the_row_is_in_the_unit(
    event: Make, analysed: Make
) -> None:
    """One request of the control took 9 s: its mean may as well be 0."""
    lines = []
    for user in range(120):
        arm = "T1" if user % 2 else "C"
        own = {"user": user, "experiments": {EXPERIMENT: arm}, "session": f"s{user}"}
        at = 1_700_000_000_000 + user
        lines.append(event(**own, timestamp=at, latency=9.0 if user == 0 else 1e-6 * user))
        lines.append(event(**own, message="last", timestamp=at + 1000, latency=1e-6))
    [block] = effect_blocks(analysed(lines), {"C": "C", "T1": "T1"})
    rows = {row.metric.name: row for group in block.groups for row in group.rows}
    row: EffectRow = rows["mean_request_time"]
    assert row.effect.endswith(" ms")
    assert row.interval.endswith(" ms")
    assert row.beside.endswith(" % of the control")
    assert row.plot is not None
    assert "difference" in row.plot.description


def test_gains_are_told_in_words() -> None:
    rng = np.random.default_rng(5)
    ones = np.ones(400)
    control, treated = rng.normal(5, 1, 400), rng.normal(5.82, 1, 400)
    row = row_of("mean_session_time", (control, ones), (treated, ones))
    words = gain(row, METRICS["mean_session_time"]).words
    assert words == (
        f"{treated.mean() - control.mean():.2f} more tracks’ worth of listening per session"
    )
    row = row_of("mean_request_time", (treated, ones), (control, ones))
    assert re.fullmatch(
        r"[\d,]+ ms shorter per request", gain(row, METRICS["mean_request_time"]).words
    )
    same = row_of("sessions", (control, ones), (control, ones))
    assert gain(same, METRICS["sessions"]).words == "no difference"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (3.876, "+3.88"),
        (-1250.4, "-1,250"),
        (0.0123, "+0.012"),
        (-0.00004, "-4e-05"),
        (12.34, "+12.3"),
    ],
)
def test_differences_have_three_digits(value: float, text: str) -> None:
    assert signed(value) == text


@pytest.mark.parametrize(
    ("value", "ends", "unit"),
    [
        (162.0, (140.4, 184.6), "%"),
        (0.28, (0.14, 0.43), "points"),
        (-0.0003, (-0.03, 0.029), "ms"),
        (0.0, (0.0, 0.0), "%"),
        (-2200.0, (-3000.0, -1.0), "%"),
    ],
)
def test_every_row_has_its_own_scale(value: float, ends: tuple[float, float], unit: str) -> None:
    plot = row_plot(value, ends, unit, "Told")
    assert 0 <= plot.low <= plot.middle <= plot.high <= 100
    assert 0 <= plot.zero <= 100
    assert plot.ticks
    assert all(0 < place < 100 for place, _ in plot.ticks)
    assert plot.ticks[-1][1].endswith(unit)
    if not value:
        return
    # Its own: what it shows takes most of the width, and ticks stand where they say.
    assert max(plot.high, plot.zero) - min(plot.low, plot.zero) > 70
    for place, text in plot.ticks:
        share = float(text.split()[0].replace(",", "")) / value
        assert place == pytest.approx(plot.zero + share * (plot.middle - plot.zero), abs=1e-6)


def test_labels_of_ticks_do_not_touch() -> None:
    """The unit makes the last one long."""
    plot = row_plot(0.283, (0.14, 0.43), "points", "Told")
    assert [text for _, text in plot.ticks] == ["0", "+0.4 points"]
    plot = row_plot(21.9, (19.1, 24.7), "points", "Told")
    assert [text for _, text in plot.ticks] == ["0", "+10", "+20 points"]


def test_a_plot_says_what_it_shows(make_events: Make, analysed: Make) -> None:
    analysis = analysed(make_events(n_users=120))
    page = render_report(analysis, verdicts(analysis, {}), RunInfo())
    told = re.findall(r'<svg role="img" aria-label="([^"]*)"', page)
    assert len(told) == page.count("<svg")
    assert all(re.search(r"\d", text) for text in told)
    assert any(
        re.match(r"Session time: effect \+[\d.,]+ %, 95 % interval ", text) for text in told
    )
    assert any("margin −10 %" in text for text in told)


def test_whoever_looks_before_the_end_sees_which_interval_decides(
    make_events: Make, analysed: Make
) -> None:
    analysis = analysed(make_events(n_users=300), Options(sequential=True))
    [block] = effect_blocks(analysis, {"C": "C", "T1": "T1"})
    row = block.groups[0].rows[0]
    last = analysis.looks["T1"][-1]
    assert row.found.startswith("significant") == last.excludes_zero
    note = "the verdict rests on the always-valid 95 % interval, not on this one: "
    assert row.note == note + interval(last.lower, last.upper)
    assert not any(note in row.note for row in block.groups[1].rows)
    assert "(" not in gain_in_words(analysis, "T1")
