"""The page, the JSON and the verdict's sentence say the same of every row, whatever it is."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from offline.experiment.analysis import Analysis, Options
from offline.experiment.checks.log_checks import Check
from offline.experiment.guardrails import guard
from offline.experiment.metrics import Metric, Metrics
from offline.experiment.questions.ask import Questions, answer
from offline.experiment.report.effect_rows import EffectRow, effect_blocks
from offline.experiment.report.outlook import outlook
from offline.experiment.report.page import render_report
from offline.experiment.report.run_info import RunInfo
from offline.experiment.report.standing import standing
from offline.experiment.report.to_json import as_json
from offline.experiment.rule import Rule
from offline.experiment.stats.comparison import Comparison, compare_samples, with_adjusted_p
from offline.experiment.stats.sample import Sample
from offline.experiment.verdict.rules import decide
from offline.experiment.verdict.verdict import Verdict, verdicts

Make = Callable[..., Any]
BOTH = {"C": "C", "T1": "T1"}
UNITS = {"": (10.0, 1.0), " ms": (0.002, 1000.0), " %": (0.2, 100.0)}
"""Control mean and scale by unit."""
N = 2000


@pytest.fixture
def base(make_events: Make, analysed: Make) -> Analysis:
    found: Analysis = analysed(make_events(n_users=60), Options(draws=0))
    return found


def row(name: str, control: float, change: float, noise: float) -> Comparison:
    """An effect of exactly `change` percent; `noise` is the spread over the control mean."""
    values = np.random.default_rng(1).normal(0, 1, (2, N))
    values = (values - values.mean(1, keepdims=True)) * noise * abs(control or 1)
    sides = (Sample.of(control + values[0]), Sample.of(control * (1 + change / 100) + values[1]))
    return compare_samples("T1", name, *sides)


def with_rows(base: Analysis, rows: list[tuple[Metric, Comparison]]) -> Analysis:
    """The analysis as if these were its metrics, and what was found of them."""
    metrics = Metrics({metric.name: metric for metric, _ in rows})
    found = with_adjusted_p([row for _, row in rows])
    users = base.aggregates.users.assign(**{"events: x": 1.0})
    return replace(
        base,
        aggregates=replace(base.aggregates, metrics=metrics, users=users),
        missing={},
        comparisons=found,
        guardrails=guard(found, metrics.margins, None, metrics),
        looks_of={metric.name: {"T1": ()} for metric, _ in rows},
        versions_of={metric.name: {"T1": ()} for metric, _ in rows},
    )


def rows_of(analysis: Analysis, rule: Rule | None = None) -> dict[str, EffectRow]:
    [block] = effect_blocks(analysis, BOTH, rule)
    return {row.metric.name: row for group in block.groups for row in group.rows}


def every_row(role: str) -> Iterator[tuple[Metric, Comparison]]:
    for unit, up, better, shown, large in product(UNITS, *[(True, False)] * 4):
        control, scale = UNITS[unit]
        change = (30.0 if large else 0.5) * (1 if up == better else -1)
        name = f"m {unit} {up} {better} {shown} {large}".replace(" %", "share").lower()
        metric = Metric(
            name.replace(" ", "_"),
            name.title(),
            numerator="x",
            unit=unit,
            scale=scale,
            more_is_better=up,
            role=role,  # type: ignore[arg-type]
            margin=10.0 if role == "guardrail" else None,
        )
        spread = abs(change) / 100 * np.sqrt(N) / (20 if shown else 1.5)
        yield metric, row(metric.name, control, change, spread)
    # A share that the control never had: there is no ratio to tell.
    for size in (0.002, 0.4):
        metric = Metric(
            f"of_none_{size}",
            f"Of none {size}",
            unit=" %",
            scale=100.0,
            more_is_better=False,
            role=role,  # type: ignore[arg-type]
            margin=10.0 if role == "guardrail" else None,
        )
        rng = np.random.default_rng(2)
        treated = Sample.of(size * rng.uniform(0.5, 1.5, N))
        yield metric, compare_samples("T1", metric.name, Sample.of(np.zeros(N)), treated)


def check_json(analysis: Analysis, shown: EffectRow, given: tuple[Verdict, ...]) -> None:
    told = as_json(analysis, given)["metrics"]
    [own] = [some for some in told if some["metric"] == shown.metric.name]
    assert (own["tone"], own["words"]) == (shown.tone, shown.found)


def test_a_primary_row_is_what_the_verdict_says(base: Analysis) -> None:
    outcomes = set()
    for metric, found in every_row("primary"):
        analysis = with_rows(base, [(metric, found)])
        given = verdicts(analysis, {})
        [shown] = rows_of(analysis).values()
        start = {"good": "Ship T1", "bad": "Keep C: T1 loses", "flat": "(Keep C for now|No verd)"}
        assert re.match(start[shown.tone], given[0].sentence), metric.name
        assert given[0].outcome == {"good": "wins", "bad": "loses", "flat": "open"}[shown.tone]
        assert (shown.found == "significant") == (shown.tone != "flat")
        assert (shown.found == "cannot be judged") == given[0].sentence.startswith("No verdict")
        check_json(analysis, shown, given)
        outcomes.add((shown.tone, shown.found))
    assert len(outcomes) == 4


def test_other_rows_are_what_the_verdict_says_of_harm(base: Analysis) -> None:
    winner = Metric("gain", "Gain", numerator="x", role="primary"), row("gain", 10, 20, 0.1)
    seen = set()
    for metric, found in every_row("secondary"):
        analysis = with_rows(base, [winner, (metric, found)])
        given = verdicts(analysis, {})
        shown, sentence = rows_of(analysis)[metric.name], given[0].sentence
        assert sentence.startswith("Ship T1")
        harm = re.search(r"significantly worse(.*?): (.*)[.]$", sentence)
        assert (shown.tone == "bad") == (harm is not None and harm[1] == ""), metric.name
        if harm is not None:
            assert metric.called in harm[2]
            assert shown.found == f"significant{harm[1]}"
        if shown.found.startswith("not"):
            assert shown.tone == "flat"
        check_json(analysis, shown, given)
        seen.add((shown.tone, shown.found, harm and harm[1]))
    assert seen == {
        ("good", "significant", None),
        ("bad", "significant", ""),
        ("flat", "significant, but small", ", but small"),
        ("flat", "significant, but small", None),  # for the better, or of a share
        ("flat", "not significant", None),
    }


def test_a_guardrail_is_what_the_verdict_says_of_it(base: Analysis) -> None:
    winner = Metric("gain", "Gain", numerator="x", role="primary"), row("gain", 10, 20, 0.1)
    seen = set()
    for metric, found in every_row("guardrail"):
        analysis = with_rows(base, [winner, (metric, found)])
        given = verdicts(analysis, {})
        shown, sentence = rows_of(analysis)[metric.name], given[0].sentence
        words = shown.found.rpartition("; ")[2]
        start = {
            "within its margin": "Ship T1",
            "breaks its margin": "Do not ship T1 yet",
            "not shown to stay within its margin": "Not yet",
        }[words]
        assert sentence.startswith(start), metric.name
        if words.startswith("breaks"):
            assert shown.tone == "bad"
        if shown.tone == "bad":
            assert metric.called in sentence
        if "significantly worse, but within the margin" in sentence:
            assert (shown.tone, words) == ("flat", "within its margin")
            assert shown.found.startswith("significant;")
        check_json(analysis, shown, given)
        seen.add((shown.tone, words))
    assert len(seen) >= 4


@pytest.mark.parametrize("up", [True, False])
@pytest.mark.parametrize("text", ["non-inferiority=2", "equivalence=2", "holdout", "superiority"])
def test_a_primary_row_is_what_the_rule_says(base: Analysis, text: str, up: bool) -> None:
    rule, seen = Rule.parse(text), set()
    metric = Metric("m", "Own", numerator="x", role="primary", more_is_better=up)
    for change, noise in product((-30, -1, 0, 1, 30), (0.01, 0.1, 3.0)):
        analysis = with_rows(base, [(metric, row("m", 10, change, noise))])
        given = decide(analysis, verdicts(analysis, {}), rule, {})
        [shown] = rows_of(analysis, rule).values()
        assert given[0].outcome == {"good": "wins", "bad": "loses", "flat": "open"}[shown.tone]
        told = as_json(analysis, given, rule)["metrics"]
        assert [(some["tone"], some["words"]) for some in told] == [(shown.tone, shown.found)]
        for sentence in outlook(analysis, given[0], rule):
            if rule.margin is not None:
                assert "2 %" in sentence
                assert ("more than 2 %" in sentence) == shown.found.startswith("more than")
        seen.add(shown.found)
    assert len(seen) == {"equivalence": 4}.get(rule.kind, 3) - (text == "superiority")


def test_a_stopped_verdict_takes_every_colour_of_the_page(base: Analysis) -> None:
    rows = [*every_row("secondary"), *every_row("primary")]
    named = {metric.name: (metric, found) for metric, found in rows}
    stop = Check("x", "Starts", "stop", "half are cut", "T1", "Read all of it.")
    analysis = replace(with_rows(base, list(named.values())), checks=(stop,))
    assert {standing(analysis, row, Rule()).tone for row in analysis.comparisons} == {"flat"}
    page = render_report(analysis, verdicts(analysis, {}), RunInfo())
    assert not re.search(r'class="(effect|span) (good|bad)"', page)
    for title in ("rule", "bayes"):
        section = page[page.index(f'<h2 id="{title}"') :]
        assert "these figures cannot be relied on" in section[: section.index("</section>")]


def test_the_page_marks_what_the_rule_found(base: Analysis) -> None:
    """Worse, significantly, and shown to be no more than the margin: it may ship."""
    metric = Metric("m", "Own", numerator="x", role="primary")
    analysis = with_rows(base, [(metric, row("m", 10, -1, 0.05))])
    rule = Rule.parse("non-inferiority=2")
    given = decide(analysis, verdicts(analysis, {}), rule, {})
    assert given[0].sentence.startswith("Ship T1 if it is worth it otherwise")
    page = render_report(analysis, given, RunInfo(), answer(analysis, Questions(rule=rule)))
    assert "Non-inferiority within 2 %." in page
    assert "at most 2\N{NO-BREAK SPACE}% worse" in page
    assert 'class="effect good"' in page
    assert 'class="effect bad"' not in page
    assert "margin −2 %" in page
