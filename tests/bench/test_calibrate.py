"""The calibration's scenarios, in small: what must not err does not, and what errs is seen."""

import importlib
from typing import Any

import pytest
from click.testing import CliRunner


@pytest.fixture
def scenarios() -> Any:
    return importlib.import_module("bench.verdict.scenarios")


def counted(scenarios: Any, name: str, count: int) -> dict[str, tuple[int, int, float | None]]:
    [number] = [i for i, some in enumerate(scenarios.scenarios()) if some.name == name]
    return {what: tuple(rest) for what, *rest in scenarios.run(number, count, seed=1)}


def test_one_bot_makes_no_effect_but_does_by_the_delta_method(scenarios: Any) -> None:
    found = counted(scenarios, "one bot, ratio, 500 against 500", 80)
    assert not scenarios.is_broken(*found["significant"])
    assert found["without leverage or permutation"][0] > 50


def test_uneven_small_arms(scenarios: Any) -> None:
    found = counted(scenarios, "100 users, 90/10 by lot, lognormal", 60)
    assert not scenarios.is_broken(*found["significant"])
    found = counted(scenarios, "28 users, 90/10 by lot, lognormal", 60)
    assert found["no test (too few)"][0] > 40


def test_a_guardrail_is_not_shown_to_hold_where_it_is_broken(scenarios: Any) -> None:
    name = "guardrail of 10 % on sessions, which change by -20 %, 1,000 users a side"
    found = counted(scenarios, name, 80)
    assert found["holds"][0] == 0
    assert found["broken"][0] > 70


def test_segments_cut_after_treatment_are_false(scenarios: Any) -> None:
    found = counted(scenarios, "segments, 300 users a side, no effect on the value", 40)
    assert not scenarios.is_broken(*found["cut before: any of three (Bonferroni)"])
    assert found["cut after treatment: any of three (Bonferroni)"][0] > 10


def test_a_rate_above_its_bound_is_found(scenarios: Any) -> None:
    assert scenarios.is_broken(30, 100, 6.0)
    assert not scenarios.is_broken(8, 100, 6.0)
    assert not scenarios.is_broken(100, 100, None)


def test_the_table_is_markdown(scenarios: Any) -> None:
    words = ["--tests", "4", "--only", "constant", "--processes", "1"]
    result = CliRunner().invoke(scenarios.main, words)
    assert result.exit_code == 0, result.output
    assert "| 100 against 100, constant | significant | 0.0 | 0.0 to 49.0 | 6 |" in result.output
