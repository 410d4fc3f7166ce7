"""Worker processes that die, with toy workers: the life of one takes milliseconds."""

import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks")

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """run(work, workers, deaths): a program of its own, as it takes over signals.

    `work` is the body of a worker's life; what it and the supervisor's sockets print is told. A
    worker knows its `number` (from 0), and `lives`: how many of that number were there before.
    """

    def start(work: str, workers: int = 2, deaths: int = 3) -> "subprocess.CompletedProcess[str]":
        program = tmp_path / "program.py"
        program.write_text(
            textwrap.dedent(
                """
                import os, pathlib, signal, sys, time
                from botify.server import supervisor
                from botify.observability.worker_table import WorkerTable
                supervisor._FIRST_PAUSE = 0.01
                # One write: print() makes several where Python is told not to buffer.
                def say(*words): os.write(1, (" ".join(map(str, words)) + "\\n").encode())
                class SocketControl:
                    def open(self, number): say("open", number)
                    def close(self, number): say("close", number)
                def parent(by=signal.SIGTERM): os.kill(os.getppid(), by)
                def work(number, ready):
                    told = pathlib.Path(__file__).with_name(f"lives{number}")
                    lives = len(told.read_text()) if told.exists() else 0
                    told.write_text("." * (lives + 1))
                WORK
                table = WorkerTable(WORKERS)
                def on_ready(): say("ready", table.serving())
                limit = supervisor.RestartLimit(DEATHS, 60)
                try:
                    supervisor.Supervisor(work, table, limit, SocketControl(), on_ready).run()
                finally:
                    say("deaths", [table.deaths(n) for n in range(WORKERS)])
                """
            )
            .replace("WORKERS", str(workers))
            .replace("DEATHS", str(deaths))
            .replace("WORK\n", textwrap.indent(textwrap.dedent(work), "    ") + "\n")
        )
        return subprocess.run(
            [sys.executable, program], capture_output=True, text=True, timeout=30, check=False
        )

    return start


def test_all_are_told_to_end_and_may_finish(run: Run) -> None:
    done = run(
        """
        def end(*_):
            say("ended", number)
            os._exit(0)
        signal.signal(signal.SIGTERM, end)
        ready()
        if number == 1:
            time.sleep(0.2)
            parent()
        time.sleep(20)
        """
    )
    assert done.returncode == 0, done.stderr
    assert "ready 2" in done.stdout
    assert {"ended 0", "ended 1"} <= set(done.stdout.splitlines())
    assert done.stdout.splitlines()[-1] == "deaths [0, 0]"


def test_one_that_keeps_dying_is_given_up_and_the_others_go_on(run: Run) -> None:
    done = run(
        """
        ready()
        if number == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        lives = pathlib.Path(__file__).with_name("lives0")
        while not lives.exists() or len(lives.read_text()) < 3:
            time.sleep(0.01)
        time.sleep(0.3)
        parent()
        time.sleep(20)
        """
    )
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[-1] == "deaths [3, 0]"
    assert lines.count("open 0") == 3
    assert lines.count("open 1") == 1
    # After its first death it is back at once; before the others, and for good, its door closes.
    assert lines.count("close 0") == 2
    assert "close 1" not in lines
    assert "died 3 times within 60 s and is given up" in done.stderr
    assert "SIGKILL" in done.stderr


def test_where_all_were_given_up_the_service_ends_and_says_why(run: Run) -> None:
    done = run("ready()\nos._exit(7)\n")
    assert done.returncode == 1
    assert "deaths [3, 3]" in done.stdout
    assert "ended with exit code 7" in done.stderr
    assert "all workers were given up: each died 3 times within 60 s" in done.stderr


def test_the_last_door_stays_open(run: Run) -> None:
    done = run("ready()\nos._exit(7)\n", workers=1)
    assert "close 0" not in done.stdout


def test_a_worker_that_cannot_start_the_first_time_ends_the_service(run: Run) -> None:
    done = run("raise OSError('no disk')\n")
    assert done.returncode == 1
    assert "a worker cannot start" in done.stderr
    assert "no disk" in done.stderr
    assert "ready" not in done.stdout


def test_one_that_cannot_start_again_has_died_once_more(run: Run) -> None:
    done = run(
        """
        if lives:
            raise OSError("no disk")
        ready()
        if number == 0:
            time.sleep(0.2)
            os._exit(1)
        time.sleep(1)
        parent()
        time.sleep(20)
        """
    )
    assert done.returncode == 0
    assert "deaths [3, 0]" in done.stdout


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGHUP])
def test_ctrl_c_and_a_lost_terminal_end_it(run: Run, by: signal.Signals) -> None:
    done = run(f"ready()\nparent({int(by)})\ntime.sleep(20)\n", workers=1)
    assert done.returncode == 0
