"""What `analyze` is asked beside the verdict, as a person in a shell meets it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from offline.cli import main

Make = Callable[..., Any]
EXPERIMENT = "DAE_VS_CONTEXTUAL"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["analyze", *map(str, arguments)])


@pytest.fixture
def asked(make_events: Make, write_log: Make, tmp_path: Path) -> Callable[..., tuple[str, Any]]:
    log = write_log(make_events())

    def ask(*words: object) -> tuple[str, Any]:
        out = tmp_path / "all.json"
        done = run(log, "--experiment", EXPERIMENT, "--json", out, *words)
        assert done.exit_code == 0, done.output
        return done.output, json.loads(out.read_text())

    return ask


def test_equivalence_and_the_bayesian_reading_are_told(asked: Make) -> None:
    text, content = asked("--equivalence", "mean_session_time=1", "--equivalence", "sessions=60")
    assert "equivalence T1 mean_session_time: the effect is larger than 1 % (+" in text
    assert "equivalence T1 sessions: no effect larger than 60 % (" in text
    assert "90 % interval" in text
    assert [some["metric"] for some in content["equivalence"]] == ["sessions", "mean_session_time"]
    assert "Bayesian reading of T1 mean_session_time: better with probability " in text
    assert "(prior: effects of 0 ± 10 %); so large an effect is not what that prior" in text
    wide, _ = asked("--prior", 300)
    assert "mean_session_time: better with probability over 99.9 %" in wide
    assert "(prior: effects of 0 ± 300 %)\n" in wide
    assert {some["metric"] for some in content["bayesian"]} >= {"sessions", "mean_session_time"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--equivalence", "love=1"], "--equivalence love=1: there is no metric 'love'"),
        (["--prior", "0"], "--prior 0: it must be"),
    ],
)
def test_a_bad_question_is_one_line(
    make_events: Make, write_log: Make, words: list[str], message: str
) -> None:
    done = run(write_log(make_events(n_users=20)), "--experiment", EXPERIMENT, *words)
    assert (done.exit_code, done.output.count("\n")) == (2, 1)
    assert message in done.output
