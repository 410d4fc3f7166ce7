"""`botify-offline plan` as a person in a shell meets it."""

from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from offline.cli import main

Make = Callable[..., Any]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["plan", *map(str, arguments)])


def test_a_plan_answers_both_questions(make_events: Make, write_log: Make) -> None:
    log = write_log(make_events())
    table = run(log)
    assert table.exit_code == 0, table.output
    assert table.output.startswith("mean_session_time: mean ")
    assert "users per arm   detectable effect (chance 80%)" in table.output
    assert len(table.output.splitlines()) == 10
    # And what the default guardrail takes.
    assert "guardrail sessions: -10 % is ruled out with " in table.output
    # What 1,000 users find, they need.
    found = run(log, "--users", 1000).output.splitlines()[-2].split()[1]
    needed = run(log, "--effect", found).output.splitlines()[-2].split()
    assert abs(int(needed[5].replace(",", "")) - 1000) < 5
    chance = run(log, "--effect", found, "--users", 1000, "--metric", "mean_session_time")
    assert "with a chance of 80" in chance.output


def test_a_guardrail_is_planned_for_too(make_events: Make, write_log: Make) -> None:
    log = write_log(make_events())
    words = ("--guardrail", "sessions=off", "--guardrail", "mean_request_time=20")
    [line] = [some for some in run(log, *words).output.splitlines() if "guardrail" in some]
    assert line.startswith("guardrail mean_request_time: +20 % is ruled out with ")
    users = line.split()[8].replace(",", "")
    again = run(log, *words, "--users", users).output.splitlines()[-1]
    assert f"; {int(users):,} users per arm rule it out with 8" in again
    assert "guardrail repeats: +5 % is ruled out" in run(log, "--guardrail", "repeats=5").output
    missing = run(log, "--guardrail", "coverage=5").output
    assert "guardrail coverage: it has no value per user to plan with" in missing


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--effect", "0"], "--effect 0.0: it must be a number of percent that is not 0"),
        (["--effect", "nan"], "--effect nan: it must be"),
        (["--metric", "artists_per_session"], "needs --catalog tracks.json"),
        (["--metric", "sessions"], "sessions cannot be planned with"),
    ],
)
def test_what_cannot_be_planned_is_one_line(
    arguments: list[str], message: str, event: Make, write_log: Make
) -> None:
    result = run(write_log([event(), event(user=2)]), *arguments)
    assert result.exit_code == 2
    assert result.output.startswith("Error: ")
    assert result.output.count("\n") == 1
    assert message in result.output
