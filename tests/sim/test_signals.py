"""Runs that are stopped: what was finished is said and kept, and nobody stays behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from sim.signals import defer_interrupts

REPO = Path(__file__).parents[2]


def test_what_is_held_is_done_whole_and_then_interrupted() -> None:
    done = []

    def work() -> None:
        with defer_interrupts():
            for part in range(3):
                os.kill(os.getpid(), signal.SIGINT)
                done.append(part)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == [0, 1, 2]
    before = signal.getsignal(signal.SIGTERM)
    with defer_interrupts():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def children(pid: int) -> list[int]:
    """Processes whose parent is `pid` and that play sessions."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
            command = (stat.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if int(fields[1]) == pid and b"spawn_main" in command:
            found.append(int(stat.parent.name))
    return found


@pytest.fixture
def start(world_files: Any) -> Callable[..., "subprocess.Popen[str]"]:
    """start(*options): far more sessions under Random than there is time for, in its own group."""

    def run(*options: object) -> "subprocess.Popen[str]":
        command = ("sim/run.py", "--recommender", "random", "--episodes", 10**9)
        return subprocess.Popen(
            [sys.executable, *map(str, (*command, "--config", world_files.env, *options))],
            cwd=REPO,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    return run


def sessions_of(log: Path) -> tuple[int, int]:
    """Sessions in the log, and those that have their end."""
    if (log / "data.parquet").exists():
        rows = pq.read_table(log / "data.parquet", columns=["session", "message"]).to_pylist()
    else:
        rows = [json.loads(line) for line in (log / "data.json").read_text().splitlines()]
    ends = sum(row["message"] == "last" for row in rows)
    return len({row["session"] for row in rows}), ends


def wait_for(log: Path, size: int) -> None:
    """Until the log, or what will be it, has so many bytes."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if sum(file.stat().st_size for file in log.glob("*") if file.exists()) >= size:
            return
        time.sleep(0.02)
    raise AssertionError(f"{log} does not grow")


@pytest.mark.integration
@pytest.mark.parametrize("log_format", ["json", "parquet"])
@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_log_cut_short_holds_the_sessions_that_were_counted(
    start: Any, tmp_path: Path, log_format: str, processes: int, number: int
) -> None:
    log = tmp_path / "log"
    with start("--log", log, "--log-format", log_format, "--processes", processes) as process:
        wait_for(log, 2_000_000)
        # Ctrl-C reaches the group, `kill` the process alone.
        (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "interrupted\n")
    said = int(out.split("random: ")[1].split()[0].replace(",", ""))
    assert sessions_of(log) == (said, said)
    assert said > 0
    assert len(list(log.iterdir())) == 1


@pytest.mark.integration
def test_stopped_before_anything_was_played_leaves_no_log(start: Any, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with start("--log", log, "--processes", 2) as process:
        deadline = time.monotonic() + 60
        while not children(process.pid) and time.monotonic() < deadline:
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "interrupted\n")
    assert list(log.iterdir()) == []


@pytest.mark.integration
def test_a_process_that_is_killed_ends_the_run_and_what_was_played_is_kept(
    start: Any, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with start("--log", log, "--log-format", "parquet", "--processes", 2) as process:
        wait_for(log, 2_000_000)
        workers = children(process.pid)
        os.kill(workers[0], signal.SIGKILL)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err.startswith("Error: a simulation worker died unexpectedly")
    assert err.count("\n") == 1
    said = int(out.split("random: ")[1].split()[0].replace(",", ""))
    assert sessions_of(log) == (said, said)
    assert not any(Path(f"/proc/{worker}").exists() for worker in workers)
