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
    assert done.returncode == 0
    # What `multi` tells of itself: tests/sim/config/test_editions.py.
    assert bool(done.stderr) == ("multi" in form)
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
            *("--config", world_files.env, "--log", tmp_path / name),
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
    assert "999 is no track: tracks are 0 to 39" in done.stdout
    assert "played 100% of" in done.stdout
    assert "console: 1 sessions: mean reward " in done.stdout


@pytest.mark.parametrize("answers", ["", "quit\n"])
def test_a_person_who_leaves_at_once_has_played_nothing(
    simulate: Simulate, world_files: Any, answers: str
) -> None:
    done = simulate(
        *("sim/run.py", "--episodes", 1, "--recommender", "console"),
        *("--config", world_files.env),
        input=answers,
    )
    assert done.returncode == 130
    assert done.stderr == "interrupted\n"
    assert "mean reward" not in done.stdout


def test_a_person_who_leaves_later_sees_what_was_played_until_then(
    simulate: Simulate, world_files: Any
) -> None:
    done = simulate(
        *("sim/run.py", "--episodes", 100, "--recommender", "console"),
        *("--config", world_files.env),
        input="7\n" * 20,
    )
    assert done.returncode == 130
    assert done.stdout.count("You are the recommender") == 1
    left = done.stdout.count(" left.\n")
    assert left >= 2
    assert f"console: {left} sessions: mean reward " in done.stdout


def test_days_print_a_line_each_and_play_the_same_sessions(
    simulate: Simulate, world_files: Any, tmp_path: Path
) -> None:
    shared = ("sim/run.py", "--recommender", "policy:sticky_artist", "--config", world_files.env)
    whole = simulate(*shared, "--episodes", 60, "--log", tmp_path / "whole")
    done = simulate(*shared, "--episodes", 60, "--days", 3, "--yes", "--log", tmp_path / "days")
    assert (done.returncode, done.stderr) == (0, "")
    *days, total = done.stdout.splitlines()
    assert [line.split(" mean ")[0] for line in days] == [
        f"day {day} of 3: 20 sessions:" for day in (1, 2, 3)
    ]
    assert [total] == whole.stdout.splitlines()
    parts = sorted((tmp_path / "days").iterdir())
    assert [part.name for part in parts] == [f"data.json.day-00{day}" for day in (1, 2, 3)]
    sessions = [
        {line["session"] for line in map(json.loads, part.read_text().splitlines())}
        for part in parts
    ]
    assert [len(some) for some in sessions] == [20, 20, 20]
    dates = [json.loads(part.read_text().splitlines()[0])["timestamp"] for part in parts]
    assert [(date - dates[0]) // 86_400_000 for date in dates] == [0, 1, 2]


def test_a_person_is_asked_between_days(simulate: Simulate, world_files: Any) -> None:
    shared = ("sim/run.py", "--recommender", "random", "--config", world_files.env)
    more = ("--episodes", 30, "--days", 3)
    done = simulate(*shared, *more, input="y\nn\n")
    assert done.returncode == 0
    assert done.stdout.count("is over. Continue?") == 2
    assert "random: 20 sessions: " in done.stdout
    nobody = simulate(*shared, *more, input="")
    assert nobody.returncode == 2
    assert "random: 10 sessions: " in nobody.stdout
    assert nobody.stderr.startswith("Error: day 1 is over and stdin has no answer")


def test_days_go_on_while_a_listener_is_left(
    simulate: Simulate, world_files: Any, tmp_path: Path
) -> None:
    users = "".join(world_files.users.read_text().splitlines(keepends=True)[:3])
    world_files.users.write_text(users)
    env = world_files.write_env(days_config={"leave_below": 100, "leave_probability": 1})
    done = simulate(
        *("sim/run.py", "--recommender", "random", "--config", env),
        *("--episodes", 9, "--days", 9, "--yes"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    *days, total = done.stdout.splitlines()
    assert len(days) == 9
    # Everybody leaves after a session of their own, so each listener has one.
    left = int(days[-1].rpartition(": ")[2])
    assert 1 < left <= 3
    assert total.startswith(f"random: {left} sessions: ")
    assert "no session finished" in days[-1]


def test_a_command_runs_between_days_and_may_end_the_run(
    simulate: Simulate, world_files: Any, tmp_path: Path
) -> None:
    shared = ("sim/run.py", "--recommender", "random", "--config", world_files.env)
    more = ("--episodes", 30, "--days", 3, "--between-days")
    done = simulate(*shared, *more, f"echo $BOTIFY_DAY >> {tmp_path}/days")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "days").read_text() == "1\n2\n"
    done = simulate(*shared, *more, "exit 3")
    assert done.returncode == 2
    assert "random: 10 sessions: " in done.stdout
    assert done.stderr == "Error: --between-days: `exit 3` ended with status 3 after day 1\n"


def test_lists_that_change_between_days_are_read_again(
    simulate: Simulate, world_files: Any, tmp_path: Path
) -> None:
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "top_tracks.json").write_text("[1, 2, 3, 4, 5, 6, 7, 8]")
    done = simulate(
        *("sim/run.py", "--recommender", "policy:top_pop", "--lists", lists, "--episodes", 40),
        *("--config", world_files.env, "--days", 2, "--log", tmp_path / "log"),
        *("--between-days", f"echo [31,32,33,34,35,36,37,38] > {lists}/top_tracks.json"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    for day, few in ((1, range(1, 9)), (2, range(31, 39))):
        lines = (tmp_path / "log" / f"data.json.day-00{day}").read_text().splitlines()
        events = [json.loads(line) for line in lines]
        offered = {e["recommendation"] for e in events if e["recommender"] == "top_pop"}
        assert offered == set(few)


@pytest.mark.parametrize("log_format", ["json", "parquet"])
def test_a_log_is_the_same_from_any_number_of_processes(
    simulate: Simulate, world_files: Any, tmp_path: Path, log_format: str
) -> None:
    contents, summaries = [], []
    for name, form in (("one", ()), ("two", ("--processes", 2)), ("three", ("multi",))):
        done = simulate(
            *("sim/run.py", *form, "--episodes", 90, "--recommender", "random"),
            *("--config", world_files.env, "--log", tmp_path / name, "--log-format", log_format),
        )
        assert done.returncode == 0, done.stderr
        (file,) = (tmp_path / name).iterdir()
        contents.append(file.read_bytes())
        summaries.append(done.stdout)
    assert contents[0] == contents[1] == contents[2]
    assert summaries[0] == summaries[1] == summaries[2]


def test_a_log_that_is_there_is_named_before_anything_is_played(
    simulate: Simulate, world_files: Any, tmp_path: Path
) -> None:
    (tmp_path / "data.json").write_text("precious\n")
    done = simulate(
        *("sim/run.py", "--recommender", "random", "--config", world_files.env),
        *("--log", tmp_path),
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"Error: {tmp_path}/data.json exists already")
    assert (tmp_path / "data.json").read_text() == "precious\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--episodes", 0], "--episodes 0"),
        (["--episodes", -5], "--episodes -5"),
        (["--episodes", 10**30], "--episodes 1000"),
        (["--days", 0], "--days 0"),
        (["--between-days", "true"], "--between-days"),
        (["single", "--processes", 2], "--processes does not go with single"),
        (["--days", 1_001], "--days 1001"),
        (["--recommender", "policy:dae"], "--lists"),
        (["--recommender", "policy:dae", "--lists", "nowhere"], "nowhere/recommendations.json"),
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
    assert "'magic' is not one of 'remote', 'console', 'random', 'oracle', 'policy:random'" in last


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
