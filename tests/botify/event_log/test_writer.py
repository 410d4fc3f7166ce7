"""The event log: every event once, in whole lines and in order, in files that are left in time."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from botify.config import LogConfig
from botify.errors import InputError
from botify.event_log.writer import EventLog

from ..logs import SMALL, Clock, users


def test_each_event_is_on_disk_at_once_and_later_starts_append(
    make: Callable[..., EventLog], tmp_path: Path
) -> None:
    path = tmp_path / "log" / "data.json"
    for user in (1, 10**30):
        log = make()
        log.write({"user": user, "time": 0.5})
        assert json.loads(path.read_text().splitlines()[-1]) == {"user": user, "time": 0.5}
        log.close()
    assert users(tmp_path / "log") == [1, 10**30]


def test_a_line_cut_by_a_crash_spoils_no_other(
    make: Callable[..., EventLog], tmp_path: Path
) -> None:
    path = tmp_path / "log" / "data.json"
    path.parent.mkdir()
    path.write_text('{"user":1}\n{"us')
    make().write({"user": 2})
    assert path.read_text() == '{"user":1}\n{"us\n{"user":2}\n'


def test_several_workers_write_a_file_each(make: Callable[..., EventLog]) -> None:
    assert [make(2).status().path.name for _ in range(2)] == ["data.json.0", "data.json.1"]


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "log").touch()
    with pytest.raises(InputError, match=r"log: cannot hold the event log"):
        EventLog(tmp_path / "log", 1, SMALL)


def test_a_file_that_has_grown_to_the_limit_is_left_under_its_name(
    make: Callable[..., EventLog], tmp_path: Path
) -> None:
    log = make()
    for user in range(5):
        log.write({"user": user, "text": "x" * 1024})
    log.tick()
    assert log.status().path.name == "data.json.20261122T223012.004Z"
    files = {path.name: path.stat().st_size > 1024 for path in (tmp_path / "log").glob("data*")}
    assert sorted(files.values()) == [False] + [True] * 5
    assert files["data.json"]
    log.close()
    assert make().status().path == log.status().path
    assert users(tmp_path / "log") == [0, 1, 2, 3, 4]


def test_an_old_file_is_left_unless_it_is_empty(
    make: Callable[..., EventLog], tmp_path: Path, clock: Clock
) -> None:
    log = make()
    first = log.status().path
    clock.now += 1000
    log.tick()
    log.write({"user": 1})  # its age begins here
    log.tick()
    clock.now += 59.0
    log.tick()
    assert log.status().path == first
    clock.now += 1.5
    log.tick()
    second = log.status().path
    assert second.name == "data.json.20261122T224752.500Z"
    log.write({"user": 2})
    log.tick()
    clock.now += 59.0
    log.tick()
    assert log.status().path == second
    assert users(tmp_path / "log") == [1, 2]


def test_starts_do_not_make_a_file_young_again(
    make: Callable[..., EventLog], clock: Clock
) -> None:
    log = make()
    first = log.status().path
    for _ in range(3):
        log.write({"user": 1, "timestamp": int(clock.now * 1000)})
        log.close()
        clock.now += 25
        log = make()
    assert log.status().path != first


def test_threads_that_write_through_rotations_lose_and_double_nothing(
    make: Callable[..., EventLog], tmp_path: Path
) -> None:
    log = make()
    done = threading.Event()

    def write(thread: int) -> None:
        for number in range(500):
            log.write({"user": thread * 1000 + number})

    def tick() -> None:
        while not done.wait(0.001):
            log.tick()

    ticker = threading.Thread(target=tick)
    writers = [threading.Thread(target=write, args=(thread,)) for thread in range(4)]
    for started in (ticker, *writers):
        started.start()
    for writer in writers:
        writer.join()
    done.set()
    ticker.join()
    found = users(tmp_path / "log")
    assert sorted(found) == [1000 * thread + n for thread in range(4) for n in range(500)]
    for thread in range(4):
        of_thread = [user for user in found if user // 1000 == thread]
        assert of_thread == sorted(of_thread)
    assert len(list((tmp_path / "log").glob("data.json*"))) > 20


@pytest.mark.parametrize("how", ["deleted", "moved", "replaced", "directory deleted"])
def test_a_file_that_somebody_took_away_is_followed_by_another(
    make: Callable[..., EventLog], tmp_path: Path, how: str
) -> None:
    log = make()
    log.write({"user": 1})
    path = log.status().path
    if how == "deleted":
        path.unlink()
    elif how == "moved":
        path.rename(tmp_path / "moved")
    elif how == "replaced":
        (tmp_path / "other").touch()
        (tmp_path / "other").replace(path)
    else:
        shutil.rmtree(path.parent)
    log.tick()
    log.write({"user": 2})
    assert log.status().path.exists()
    assert log.status().path != path  # nobody takes it for the rest of the one that is gone
    assert log.status().failing == ""
    assert users(path.parent) == [2]


def test_after_a_person_emptied_the_file_its_size_is_counted_anew(
    make: Callable[..., EventLog],
) -> None:
    log = make()
    log.write({"user": 1, "text": "x" * 900})
    path = log.status().path
    os.truncate(path, 0)
    log.tick()
    log.write({"user": 2, "text": "x" * 900})
    assert log.status().path == path
    assert users(path.parent) == [2]


@pytest.mark.parametrize("delete", [True, False])
def test_only_shipped_files_go_and_only_if_asked(
    make: Callable[..., EventLog], tmp_path: Path, clock: Clock, delete: bool
) -> None:
    log = make(options=SMALL.model_copy(update={"delete_shipped": delete}))
    for user in range(2):
        log.write({"user": user, "text": "x" * 1024})
    log.write({"user": 2})
    first, second, active = sorted((tmp_path / "log").glob("data.json*"))
    for path in (first, active):
        marker = path.with_name(f".{path.name}.shipped")
        marker.write_text(str(path.stat().st_size))
    clock.now += 10
    log.tick()
    assert first.exists() is not delete
    assert second.exists()
    assert active.exists()
    status = log.status()
    assert (status.unshipped_files, status.unshipped_bytes) == (1, second.stat().st_size)


def test_little_free_space_is_told(make: Callable[..., EventLog], tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    status = make(options=LogConfig(min_free_bytes=2 * free)).status()
    assert status.low_space
    assert 0.5 * free < status.free_bytes < 1.5 * free
    assert not make(options=LogConfig(min_free_bytes=0)).status().low_space


WRITER = """
import sys, threading
from pathlib import Path
from botify.config import LogConfig
from botify.event_log.writer import EventLog
log = EventLog(Path(sys.argv[1]), 2, LogConfig(rotate_bytes=200_000))
def write(thread):
    number = 0
    while True:
        event = {"run": int(sys.argv[2]), "thread": thread, "number": number}
        log.write({**event, "text": "x" * 5000})
        if thread == 0:
            print(number, flush=True)
        number += 1
for thread in range(2):
    threading.Thread(target=write, args=(thread,)).start()
"""


@pytest.mark.integration
def test_killed_writers_leave_whole_lines_and_every_event_they_answered(tmp_path: Path) -> None:
    answered = []
    for turn in range(4):
        command = [sys.executable, "-c", WRITER, str(tmp_path), str(turn)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            for line in process.stdout:
                if int(line) >= 50:
                    process.send_signal(signal.SIGKILL)
                    break
            answered.append(50 + len(process.stdout.readlines()))
        assert process.returncode == -signal.SIGKILL
        torn = [
            path for path in tmp_path.glob("data.json*") if not path.read_bytes().endswith(b"\n")
        ]
        assert len([path for path in torn if path.stat().st_size]) <= 1
    EventLog(tmp_path, 2, LogConfig()).close()  # which ends a torn line
    torn_lines, numbers = 0, dict[tuple[int, int], list[int]]()
    for path in sorted(tmp_path.glob("data.json*")):
        content = path.read_bytes()
        assert not content or content.endswith(b"\n")
        for row in content.splitlines():
            try:
                event = json.loads(row)
            except ValueError:
                torn_lines += 1
                continue
            numbers.setdefault((event["run"], event["thread"]), []).append(event["number"])
    assert torn_lines <= 4
    assert {".".join(path.name.split(".")[:3]) for path in tmp_path.glob("data.json*")} == {
        "data.json.0"
    }
    for (turn, thread), found in numbers.items():
        assert found == list(range(len(found)))
        if thread == 0:
            assert len(found) > answered[turn]
