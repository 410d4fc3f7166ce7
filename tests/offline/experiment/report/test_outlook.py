"""The page on the verdict: stops, what would change it, names, pictures."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from statsmodels.stats.power import NormalIndPower

from offline.experiment.aggregates.aggregate import aggregate
from offline.experiment.analysis import Analysis, Options, analyse
from offline.experiment.checks.log_checks import Check
from offline.experiment.report.health import health
from offline.experiment.report.outlook import gain_in_words, outlook, users_for_difference
from offline.experiment.report.page import render_report
from offline.experiment.report.plots import Band, Bar, band_plot, bar_plot
from offline.experiment.report.run_info import RunInfo
from offline.experiment.verdict.verdict import verdicts
from offline.experiment.words import treatment_names
from offline.logs.reader import open_logs

Make = Callable[..., Any]
EXPERIMENT = "DAE_VS_CONTEXTUAL"
BOTH = {"C": "C", "T1": "T1"}


def told(analysis: Analysis) -> list[str]:
    [verdict] = verdicts(analysis, {})
    return outlook(analysis, verdict)


def test_no_difference_says_how_many_users_would_show_one(
    make_events: Make, analysed: Make
) -> None:
    analysis = analysed(make_events(n_users=200, lift=1.03), Options(margins={}))
    row = analysis.deciding("T1")
    factor = users_for_difference(analysis, row)
    assert row.moments is not None
    control, treated = row.moments
    # As statsmodels has it, for the spread of both arms together.
    spread = np.sqrt(
        (control.variance_of_mean * control.n + treated.variance_of_mean * treated.n) / 2
    )
    equal = 2 / (1 / control.n + 1 / treated.n)
    wanted = NormalIndPower().solve_power(
        abs(treated.mean - control.mean) / spread, alpha=0.05, power=0.8, ratio=1
    )
    assert factor == pytest.approx(wanted / equal, rel=0.05)
    [sentence] = told(analysis)
    assert re.search(
        r"[\d,]+ users (a side|against [\d,]+) would show it in 80 % of the", sentence
    )


def test_several_treatments_take_more_users(make_events: Make, analysed: Make) -> None:
    lines = make_events(n_users=300, treatments=("C", "T1", "T2"), lift=1.0)
    analysis = analysed(lines)
    alone = analysed([line for line in lines if line["experiments"][EXPERIMENT] != "T2"])
    more = users_for_difference(analysis, analysis.deciding("T1"))
    fewer = users_for_difference(alone, alone.deciding("T1"))
    assert more is not None
    assert fewer is not None
    # (z of 2.5 / 2 % + z of 80 %)² against that of 5 / 2 %.
    assert more / fewer == pytest.approx(((2.2414 + 0.8416) / (1.9600 + 0.8416)) ** 2, rel=1e-3)


def test_a_guardrail_not_shown_says_with_how_many_users_it_would_ship(
    make_events: Make, analysed: Make
) -> None:
    analysis = analysed(make_events(n_users=160, lift=1.4), Options(margins={"sessions": 5}))
    [verdict] = verdicts(analysis, {})
    assert verdict.sentence.startswith("Not yet")
    [sentence] = outlook(analysis, verdict)
    match = re.match(r"It would ship with ([\d,]+ users (?:a side|against [\d,]+)),", sentence)
    assert match
    # The same figures as in the verdict.
    assert match[1] in verdict.sentence.replace("against", "against")


def test_a_winner_says_what_it_rests_on(make_events: Make, analysed: Make) -> None:
    analysis = analysed(make_events(n_users=160, lift=1.4), Options(margins={"sessions": 60}))
    assert verdicts(analysis, {})[0].outcome == "wins"
    rests, guard = told(analysis)
    assert re.match(r"The near end of the interval of session time is \+", rests)
    assert re.match(r"Guardrail sessions holds: at worst [-+][\d.]+ %, where −60 %", guard)


def test_a_stop_comes_first_with_what_to_do_and_takes_the_colours(
    make_events: Make, analysed: Make
) -> None:
    analysis = analysed(make_events(n_users=160, lift=1.4))
    stop = Check("x", "Starts", "stop", "half are cut", "T1", "Read all of it <now>.")
    again = replace(stop, treatment="C")
    analysis = replace(analysis, checks=(*analysis.checks, stop, again))
    page = render_report(analysis, verdicts(analysis, {}), RunInfo())
    assert page.index("What stops the verdict") < page.index("<nav")
    assert page.index('id="health"') < page.index('id="effects"')
    assert "Read all of it &lt;now&gt;." in page
    assert "<strong>Starts</strong> (T1, C): half are cut" in page
    assert not re.search(r'class="(effect|span) (good|bad)"', page)
    assert told(analysis) == []
    assert gain_in_words(analysis, "T1") == ""


def test_a_page_without_a_stop_has_effects_first(make_events: Make, analysed: Make) -> None:
    analysis = analysed(make_events(n_users=160, lift=1.4))
    page = render_report(analysis, verdicts(analysis, {}), RunInfo())
    assert page.index('id="effects"') < page.index('id="health"')
    assert 'class="effect good"' in page
    assert "What stops the verdict" not in page
    found = health(analysis, BOTH)
    assert not found.stops
    assert [some.title for some in found.unknown] == ["One run, one world"]
    assert "Not checked" in page


@pytest.mark.parametrize(
    ("said", "own", "names"),
    [
        ({}, {"C": "top", "T1": "dae"}, {"C": "top", "T1": "dae"}),
        ({"T1": "DAE"}, {"C": "top", "T1": "dae"}, {"C": "top", "T1": "DAE"}),
        ({}, {"C": "indexed", "T1": "indexed"}, {}),
        ({}, {"C": "top", "T1": "dae", "T2": "dae"}, {"C": "top"}),
        ({}, {}, {}),
    ],
)
def test_treatments_are_called_what_the_log_calls_them(
    said: dict[str, str], own: dict[str, str], names: dict[str, str]
) -> None:
    assert treatment_names(said, own) == names


def test_names_of_the_log_are_text(make_events: Make, analysed: Make) -> None:
    lines = make_events(n_users=120)
    for line in lines:
        arm = line["experiments"][EXPERIMENT]
        line["recommender"] = {"C": '<b>$\\frac$ & "co"</b>', "T1": "dae$"}[arm]
    analysis = analysed(lines)
    page = render_report(analysis, verdicts(analysis, {}), RunInfo())
    assert "<b>" not in page
    assert "dae$ (T1) against &lt;b&gt;$\\frac$ &amp; &#34;co&#34;&lt;/b&gt; (C)" in page


def test_pictures_say_their_numbers() -> None:
    bar = Bar('DAE "x" <T1>', 1, 2.0, (1.0, 3.0), "+2 % (+1 to +3 %)")
    svg = bar_plot([bar], "effect", 10.2)
    assert 'aria-label="Effect. DAE &quot;x&quot; &lt;T1&gt;: +2 % (+1 to +3 %)"' in svg
    two = [np.array(some, float) for some in ([5, 8], [-1, 4], [11, 12], [1, 5], [9, 11])]
    svg = band_plot([Band("DAE", 1, *two)], ["d1", "d2"], "end of the day", 10.2)
    assert (
        "DAE: +5.00 % (-1.00 to +11.0 %) at the first look, +8.00 % (+4.00 to +12.0 %) at" in svg
    )


def test_a_long_name_is_shortened_where_it_has_no_room() -> None:
    bar = Bar("a recommender with a very long name (T1)", 1, 2.0, None, "+2 % (+1 to +3 %)")
    assert ">a recommender with a very long name (T1)<" in bar_plot([bar], "effect", 10.2)
    narrow = bar_plot([bar], "effect", 4.9)
    assert ">a recommender with a very lon…<" in narrow
    assert "a recommender with a very long name (T1)" in narrow  # for those who hear it


def test_versions_have_a_picture(make_events: Make, write_log: Make) -> None:
    lines = make_events(n_users=200)
    middle = lines[len(lines) // 2]["timestamp"]
    for line in lines:
        line["model_version"] = "v1" if line["timestamp"] < middle else "v2"
        line["run"], line["world_version"] = "r", "w"
    with open_logs([write_log(lines)]) as log:
        analysis = analyse(aggregate(log, EXPERIMENT), options=Options(allowed=("mixed",)))
    assert analysis.versions["T1"]
    page = render_report(analysis, verdicts(analysis, {}), RunInfo())
    assert 'id="versions"' in page
    assert "T1, at first (" in page
