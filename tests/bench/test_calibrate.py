"""The calibration's scenarios, in small: what must not err does not, and what errs is seen."""

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

Counted = Callable[[str, int], dict[str, Any]]


@pytest.fixture
def scenarios() -> Any:
    return importlib.import_module("bench.verdict.scenarios")


@pytest.fixture
def counted(scenarios: Any) -> Counted:
    """counted(name, tests): what came of a scenario, by name."""

    def play(name: str, tests: int) -> dict[str, Any]:
        every = scenarios.scenarios()
        [number] = [i for i, (_, some) in enumerate(every) if some.name == name]
        found, _ = scenarios.run(number, 0, seed=1, count=tests)
        return {one.name: one for one in scenarios.counted(every[number][1], found)}

    return play


def test_one_bot_makes_no_effect_but_does_by_the_delta_method(counted: Counted) -> None:
    found = counted("one bot, ratio, 500 against 500", 80)
    assert not found["significant"].is_broken
    assert found["without leverage or permutation"].count > 50


def test_uneven_small_arms(counted: Counted) -> None:
    assert not counted("100 users, 90/10 at random, lognormal", 60)["significant"].is_broken
    found = counted("28 users, 90/10 at random, lognormal", 60)
    assert found["no test (too few)"].count > 40


def test_a_guardrail_is_not_shown_to_hold_where_it_is_broken(counted: Counted) -> None:
    name = "guardrail of 10 % on sessions, which change by -20 %, 1,000 users per arm"
    found = counted(name, 80)
    assert found["holds"].count == 0
    assert found["broken"].count > 70


def test_segments_cut_after_treatment_are_false(counted: Counted) -> None:
    found = counted("segments, 300 users per arm, no effect on the value", 40)
    assert not found["cut before: any of three (Bonferroni)"].is_broken
    assert found["cut after treatment: any of three (Bonferroni)"].count > 10


@pytest.mark.parametrize(
    ("part", "tests"), [("Who has a value, and in which arm", 5), ("Logs, written and read", 1)]
)
def test_what_is_wrong_stops_the_verdict_and_what_is_right_does_not(
    scenarios: Any, counted: Counted, part: str, tests: int
) -> None:
    seen = set()
    for some in [some for name, some in scenarios.scenarios() if name == part]:
        found = counted(some.name, tests)
        if "stopped" in some.least:
            assert found["stopped"].count == tests, some.name
        elif "stopped" in some.most:
            assert found["stopped"].count == 0, some.name
        seen |= {"stopped" in some.least, "stopped" in some.most}
    assert seen == {True, False}


def test_mixed_worlds_would_be_called_if_nothing_were_checked(counted: Counted) -> None:
    assert counted("two worlds in one log", 3)["significant, without the checks"].count == 3


@pytest.mark.parametrize("part", ["What is asked beside the verdict", "Off-policy"])
def test_answers_keep_their_bounds(scenarios: Any, counted: Counted, part: str) -> None:
    for some in [some for name, some in scenarios.scenarios() if name == part]:
        found = counted(some.name, some.tests // 200)
        assert not [name for name, one in found.items() if one.is_broken], some.name


def test_what_is_there_is_found(counted: Counted) -> None:
    found = counted("equivalence, 4000 users per arm, true effect +0 %, margin 5 %", 40)
    assert found["shown to be within the margin"].count > 20
    assert counted("by day, 1,000 users, +50 % that fades", 10)["drift by day"].count > 7
    name = "segments by two attributes, 2,000 users, +30 % in one"
    assert counted(name, 20)["any segment significant (Holm)"].count > 10
    name = "interaction, 1,000 users, +20 % and +30 %, and +30 % where both are on"
    assert counted(name, 40)["interaction significant, in points"].count > 10


@pytest.mark.nightly
def test_every_scenario_keeps_its_bounds(scenarios: Any, counted: Counted) -> None:
    broken = [
        f"{some.name}: {name}"
        for part, some in scenarios.scenarios()
        for name, one in counted(some.name, 20 if part.startswith("Logs") else 60).items()
        if one.is_broken
    ]
    assert not broken


def test_what_is_found_can_be_kept(scenarios: Any) -> None:
    for number, (part, some) in enumerate(scenarios.scenarios()):
        if not part.startswith("Logs"):
            found, _ = scenarios.run(number, 0, seed=2, count=1)
            assert json.loads(json.dumps(found)) == found, some.name


def test_a_rate_beyond_its_bound_is_found(scenarios: Any) -> None:
    rate, bias = scenarios.Rate, scenarios.Bias
    assert rate("some", 30, 100, most=6.0).is_broken
    assert not rate("some", 8, 100, most=6.0).is_broken
    assert not rate("some", 100, 100).is_broken
    assert rate("some", 90, 100, least=99.0).is_broken
    assert not rate("some", 98, 100, least=99.0).is_broken
    assert rate("some", 1, 1000, most=0.0).is_broken
    assert rate("some", 0, 200, most=6.0).is_conservative
    assert not rate("some", 10, 200, most=6.0).is_conservative
    errors = np.random.default_rng(1).normal(0, 1, 400)
    assert not bias("some", errors, must_be_0=True).is_broken
    assert bias("some", errors + 0.3, must_be_0=True).is_broken
    assert not bias("some", errors + 0.3).is_broken


def test_a_stated_chance_is_the_bound_of_what_happens(scenarios: Any) -> None:
    scenario = scenarios.Scenario("some", lambda _: {})
    for stated, broken in ((0.5, False), (0.8, True)):
        found = [{"wins": i % 2 == 0, "wins, stated": stated} for i in range(100)]
        [one] = scenarios.counted(scenario, found)
        assert (one.name, one.count, one.of, one.is_broken) == ("wins", 50, 100, broken)
        assert one.bound == f"= {100 * stated:.1f}"


def test_the_table_is_markdown_and_goes_on_where_it_was(scenarios: Any, tmp_path: Path) -> None:
    kept = tmp_path / "out/scenarios.jsonl"
    words = ["--tests", "20", "--only", "constant", "--processes", "1", "--out", str(kept)]
    result = CliRunner().invoke(scenarios.main, words)
    assert result.exit_code == 0, result.output
    row = "| 100 against 100, constant | 20 | 0.0 (0.0 to 16.1) [≤ 6] |"
    assert row in result.output
    [line] = kept.read_text().splitlines()
    assert json.loads(line)["name"] == "100 against 100, constant"
    # What is kept is not made again.
    kept.write_text(line.replace('"significant": false', '"significant": true') + "\n")
    result = CliRunner().invoke(scenarios.main, words)
    assert result.exit_code == 1
    assert "beyond its bound: 100 against 100, constant: significant" in result.output
    assert len(kept.read_text().splitlines()) == 1
