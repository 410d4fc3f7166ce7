"""The event log when processes are killed, files are limited, and directories shared, under load.

Each answer that a client got must have its line, whatever happens to the service.
"""

import json
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from .disks import small_disk
from .load import (
    Diary,
    Event,
    Load,
    all_are,
    ask,
    check_log,
    check_sessions,
    kill_all,
    limit_files,
    log_of,
    metric,
    until,
    workers_of,
)

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="finds the workers, and limits them"),
]

Serve = Callable[..., Any]
Connect = Callable[[str], Any]

MIN_FREE = {"min_free_bytes": 0}
"""Little space on the disk of the machine that tests is no matter of these tests."""
ROTATED = re.compile(r"data\.json\.[01](\.\d{8}T\d{6}\.\d{3}Z)?")


def in_file(path: Path) -> list[Event]:
    """A log file's lines, each of which must be whole."""
    text = path.read_text()
    assert text.endswith("\n") or not text
    return [json.loads(line) for line in text.splitlines()]


def test_sigterm_under_load_leaves_a_line_for_each_answer_and_no_other(serve: Serve) -> None:
    served = serve({"workers": 2})
    with Load(served.url, clients=6, reconnect=True, pause=0) as load:
        load.goes_on(50)
        assert served.stop() == 0
    assert load.failures == []
    events = served.log()
    check_log(events, load)
    assert len(events) == len(load.answers)


def test_sigkill_of_all_processes_loses_nothing_and_a_torn_line_stays_alone(
    serve: Serve, tmp_path: Path
) -> None:
    served = serve({"workers": 2})
    with Load(served.url, clients=6, reconnect=True, pause=0) as load:
        load.goes_on(50)
        kill_all(served)
    assert load.failures == []
    files = sorted(served.log_dir.glob("data.json*"))
    assert [path.name for path in files] == ["data.json.0", "data.json.1"]
    check_log([event for path in files for event in in_file(path)], load)
    before = [path.read_bytes() for path in files]

    # A machine that goes down may leave a line cut; no process of ours does.
    torn = b'{"message":"next","timest'
    with files[1].open("ab") as file:
        file.write(torn)
    (tmp_path / "log1").symlink_to(served.log_dir)
    again = serve({"workers": 2})
    with Load(again.url, clients=6) as load:
        load.goes_on(10)
    assert load.failures == []
    assert again.stop() == 0
    assert sorted(served.log_dir.glob("data.json*")) == files
    starts = [before[0], before[1] + torn + b"\n"]
    after = [path.read_bytes() for path in files]
    assert all(text.startswith(start) for text, start in zip(after, starts, strict=True))
    new = [text[len(start) :] for text, start in zip(after, starts, strict=True)]
    check_log([json.loads(line) for text in new for line in text.splitlines()], load)


def test_rotation_by_size_under_load_leaves_whole_files_in_order(serve: Serve) -> None:
    limit = 4096
    served = serve({"workers": 2, "log": {"rotate_bytes": limit}})
    with Load(served.url, clients=6) as load:
        load.goes_on(60)
    assert load.failures == []
    assert served.stop() == 0
    files = sorted(served.log_dir.glob("data.json*"))
    assert len(files) >= 10
    longest = 1000
    for base, series in groupby(files, key=lambda path: ".".join(path.name.split(".")[:3])):
        names = list(series)
        assert names[0].name == base
        for path in names:
            assert ROTATED.fullmatch(path.name)
            in_file(path)
            assert path == names[-1] or limit <= path.stat().st_size < limit + longest
        firsts = [in_file(path)[0]["timestamp"] for path in names if path.stat().st_size]
        assert firsts == sorted(firsts)
    events = served.log()
    check_log(events, load)
    check_sessions(events)
    assert len(events) == len(load.answers)


def test_a_disk_that_takes_nothing_for_a_while_delays_lines_and_loses_none(serve: Serve) -> None:
    served = serve({"workers": 2, "log": MIN_FREE})
    diary = Diary(served)
    with Load(served.url) as load:
        load.goes_on()
        assert ask(served.url, "/health") == (200, {"status": "ok"})
        workers = workers_of(served.process.pid)
        assert len(workers) == 2
        logs = [log_of(worker) for worker in workers]
        # The kernel spreads connections by chance: one of the workers may have none.
        busy = sum(path.stat().st_size > 0 for path in logs)
        limit_files(workers, 0)
        until(lambda: metric(served.url, "botify_log_failing") == busy)
        until(lambda: metric(served.url, "botify_log_lag_seconds") > 1.5)
        sizes = [path.stat().st_size for path in logs]
        load.goes_on(40)
        status, body = ask(served.url, "/health")
        assert (status, body["status"]) == (503, "bad")
        assert any("cannot be written" in reason for reason in body["reasons"])
        assert metric(served.url, "botify_log_pending_events") >= 4 * 40
        assert all_are(served.url, "ready")
        assert [path.stat().st_size for path in logs] == sizes
        limit_files(workers, -1)
        until(lambda: ask(served.url, "/health") == (200, {"status": "ok"}))
        assert metric(served.url, "botify_log_pending_events") == 0
        assert metric(served.url, "botify_log_events_lost_total") == 0
        load.goes_on()
    assert load.failures == []
    assert served.stop() == 0
    events = served.log()
    check_log(events, load)
    assert len(events) == len(load.answers)
    for path in sorted(served.log_dir.glob("data.json*")):
        last: dict[int, float] = {}
        for event in in_file(path):  # as written, not sorted: what waited is in its place
            assert event["time"] > last.get(event["user"], -1.0)
            last[event["user"]] = event["time"]
    told = [line for line in diary.lines() if line["logger"] == "botify.event_log.writer"]
    assert [line["level"] for line in told].count("error") == busy


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    place = tmp_path / "small"
    with small_disk(place, "4m"):
        yield place


def fill(disk: Path) -> Path:
    """A file that takes all the space left."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    return filler


@pytest.mark.parametrize("when", ["before the first request", "under load"])
def test_a_service_whose_whole_disk_is_full_answers_and_loses_nothing(
    serve: Serve, tmp_path: Path, disk: Path, when: str
) -> None:
    (disk / "log").mkdir()
    (tmp_path / "log0").symlink_to(disk / "log")
    # What the service keeps in temporary files is on the same disk.
    served = serve({"workers": 2, "log": MIN_FREE}, TMPDIR=str(disk))
    workers = workers_of(served.process.pid)
    if when == "before the first request":
        filler = fill(disk)
    with Load(served.url) as load:
        load.goes_on()
        if when == "under load":
            filler = fill(disk)
        until(lambda: ask(served.url, "/health")[0] == 503)
        load.goes_on(40)
        filler.unlink()
        until(lambda: ask(served.url, "/health") == (200, {"status": "ok"}))
        load.goes_on()
    assert load.failures == []
    assert workers_of(served.process.pid) == workers
    assert served.stop() == 0
    events = served.log()
    check_log(events, load)
    assert len(events) == len(load.answers)


def test_events_that_memory_cannot_hold_are_counted_and_the_rest_is_written(
    serve: Serve, connect: Connect
) -> None:
    # They take 8 KB of each line, so that few requests fill the memory.
    experiments = {
        f"E{n:03}" + "x" * 60: {"treatments": {"C": None, "T1": None}} for n in range(99)
    }
    changes = {"experiments": experiments, "default": "dae"}
    served = serve({"workers": 1, "log": MIN_FREE} | changes)
    connection = connect(served.url)
    (worker,) = workers_of(served.process.pid)
    user = 7
    limit_files([worker], 0)
    answered = 0
    while metric(served.url, "botify_log_events_lost_total") == 0:
        for _ in range(100):
            assert connection.play("next", user, answered % 40, answered / 1e6)[0] == 200
            answered += 1
    assert answered > 1000
    reasons = ask(served.url, "/health")[1]["reasons"]
    assert any("events were lost" in reason for reason in reasons)
    limit_files([worker], -1)
    until(lambda: metric(served.url, "botify_log_pending_events") == 0)
    lost = int(metric(served.url, "botify_log_events_lost_total"))
    assert connection.play("last", user, 0, 1.0)[0] == 200
    assert served.stop() == 0
    events = served.log()
    assert 0 < lost < answered
    # The oldest were kept: what was lost is all in one place, where memory was full.
    assert [event["time"] for event in events] == [n / 1e6 for n in range(answered - lost)] + [1.0]


def test_two_services_that_share_a_directory_never_share_a_file(
    serve: Serve, tmp_path: Path
) -> None:
    both = {"workers": 2}
    first = serve(both)
    (tmp_path / "log1").symlink_to(first.log_dir)
    second = serve(both)
    files = [log_of(w) for served in (first, second) for w in workers_of(served.process.pid)]
    assert sorted(path.name for path in files) == [f"data.json.{n}" for n in range(4)]
    loads = [Load(served.url, clients=3) for served in (first, second)]
    with loads[0], loads[1]:
        for load in loads:
            load.goes_on()
        # The first one's numbers are free when it is gone; its files are not another's.
        loads[0].stop()
        assert first.stop() == 0
        loads[1].goes_on()
    assert second.stop() == 0
    for load, mine in zip(loads, (files[:2], files[2:]), strict=True):
        assert load.failures == []
        events = [event for path in mine for event in in_file(first.log_dir / path.name)]
        check_log(events, load)
        assert len(events) == len(load.answers)


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_a_service_that_has_just_started_stops_at_once(serve: Serve, by: signal.Signals) -> None:
    served = serve({"workers": 2})
    diary = Diary(served)
    assert served.stop(by) == 0
    assert not [line for line in diary.lines() if "refused to gracefully stop" in line["message"]]
