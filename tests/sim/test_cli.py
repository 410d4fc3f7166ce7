"""The commands as a person types them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Simulate = Callable[..., Any]
pytestmark = pytest.mark.integration

FORMS = [("sim/run.py",), ("-m", "sim.run"), ("-m", "sim.run", "single"), ("sim/run.py", "multi")]


@pytest.mark.parametrize("form", FORMS, ids=" ".join)
def test_every_form_of_the_command_plays_the_same_listeners(
    simulate: Simulate, world_files: Any, form: tuple[str, ...]
) -> None:
    arguments = ("--recommender", "random", "--config", world_files.env, "--seed", 31337)
    done = simulate(*form, "--episodes", 50, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    reference = simulate("sim/run.py", "--episodes", 50, *arguments)
    assert done.stdout == reference.stdout
    assert done.stdout.startswith("random: 50 sessions: mean reward ")


def test_the_oracle_beats_chance(simulate: Simulate, world_files: Any) -> None:
    rewards = {}
    for name in ("random", "oracle"):
        done = simulate(
            *("sim/run.py", "--episodes", 200, "--recommender", name),
            *("--config", world_files.env),
        )
        assert done.returncode == 0, done.stderr
        rewards[name] = float(done.stdout.split("mean reward ")[1].split()[0])
    assert rewards["oracle"] > rewards["random"]


def test_a_log_is_written_where_asked(
    simulate: Simulate, world_files: Any, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        done = simulate(
            *("sim/run.py", "--episodes", 30, "--recommender", "random"),
            *("--config", world_files.env, "--log", tmp_path / name, "--days", 3),
        )
        assert done.returncode == 0, done.stderr
    one, two = ((tmp_path / name / "data.json").read_bytes() for name in ("one", "two"))
    assert one == two
    lines = [json.loads(line) for line in one.splitlines()]
    assert sum(line["message"] == "last" for line in lines) == 30


def test_a_person_answers_in_the_console(simulate: Simulate, world_files: Any) -> None:
    """A text searches, a number that is no track does too, and the person goes on."""
    answers = "title 3\n999\n" + "7\n" * 200
    done = simulate(
        *("sim/run.py", "--episodes", 1, "--recommender", "console"),
        *("--config", world_files.env, "--seed", 31337),
        input=answers,
    )
    assert done.returncode == 0, done.stderr
    assert "You are the recommender: 40 tracks" in done.stdout
    assert "33: artist 1 – title 33" in done.stdout
    assert "nothing matches '999'" in done.stdout
    assert "played 100% of" in done.stdout
    assert "console: 1 sessions: mean reward " in done.stdout


def test_a_console_whose_input_ends_is_left_without_a_traceback(
    simulate: Simulate, world_files: Any
) -> None:
    done = simulate(
        *("sim/run.py", "--episodes", 1, "--recommender", "console"),
        *("--config", world_files.env),
        input="",
    )
    assert done.returncode == 1
    assert "Aborted!" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--episodes", 0], "--episodes 0"),
        (["--episodes", -5], "--episodes -5"),
        (["--processes", 2], "--processes"),
        (["--days", 0], "--days 0"),
        (["--days", "nan"], "--days nan"),
        (["--log", "log", "--recommender", "remote"], "--log"),
        (["--config", "no/such.yml"], "no/such.yml: cannot be read"),
    ],
)
@pytest.mark.parametrize(
    "form",
    [("sim/run.py",), ("-c", "from sim.cli import main; main()", "run")],
    ids=["file", "group"],
)
def test_a_bad_option_ends_in_one_line_and_status_2(
    simulate: Simulate, world_files: Any, form: tuple[str, ...], arguments: list[Any], message: str
) -> None:
    given = ["--config", world_files.env, "--recommender", "random", *arguments]
    done = simulate(*form, *given)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("Error: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_unknown_recommender_is_named_with_those_there_are(simulate: Simulate) -> None:
    done = simulate("sim/run.py", "--recommender", "magic")
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert "'magic' is not one of 'remote', 'random', 'console', 'oracle'" in last


def test_a_service_that_is_not_running_ends_the_run(simulate: Simulate, world_files: Any) -> None:
    done = simulate(
        *("sim/run.py", "--episodes", 5, "--recommender", "remote"),
        *("--config", world_files.env, "--port", 1),
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: http://127.0.0.1:1/: no answer")
    assert done.stderr.count("\n") == 1


def test_a_small_world_is_built_the_same_twice_and_played(
    simulate: Simulate, tmp_path: Path
) -> None:
    program = ("-c", "from sim.cli import main; main()")
    for name in ("one", "two"):
        done = simulate(
            *program, "world", "--users", 200, "--tracks", 1500, "--out", tmp_path / name
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("world (generated): 200 users, 1,500 tracks, ")
    for name in ("tracks.json", "tracks.npy", "users.json", "world.json"):
        one, two = (tmp_path / run / name for run in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()
    assert json.loads((tmp_path / "one" / "world.json").read_text())["users"] == 200
    done = simulate(
        *("sim/run.py", "--episodes", 20, "--recommender", "oracle"),
        *("--config", tmp_path / "one" / "env.yml"),
    )
    assert done.returncode == 0, done.stderr
