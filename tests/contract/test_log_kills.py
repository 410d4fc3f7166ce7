"""Processes that are killed while the event log's disk is full: each answer is in the log in the
end, or counted as lost."""

import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .disks import Resize, small_disk
from .load import (
    Diary,
    Load,
    ask,
    check_log,
    kill_all,
    limit_files,
    log_of,
    metric,
    until,
    workers_of,
)

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="finds the workers, and mounts a disk"),
]

Serve = Callable[..., Any]

TWO = {"workers": 2, "log": {"min_free_bytes": 0}}
LOG = "botify_log_"


@pytest.fixture
def resize(tmp_path: Path) -> Iterator[Resize]:
    """Of a disk of 150 kB under the first services' logs."""
    with small_disk(tmp_path / "log0", "150k") as resize:
        (tmp_path / "log1").symlink_to(tmp_path / "log0")
        yield resize


def counts(url: str) -> dict[str, int]:
    """What the service says of its log."""
    names = ("events_total", "pending_events", "pending_events_in_memory", "events_lost_total")
    return {name: int(metric(url, LOG + name)) for name in names}


def fill(url: str, load: Load) -> None:
    """Play until both workers' events have waited for a while."""
    until(lambda: metric(url, LOG + "failing") == 2)
    load.goes_on(40)
    assert ask(url, "/health")[0] == 503


def replaced(served: Any, victim: int) -> None:
    until(lambda: len({*workers_of(served.process.pid)} - {victim}) == 2)


def test_a_worker_killed_on_a_full_disk_leaves_its_events_to_the_next(
    serve: Serve, resize: Resize
) -> None:
    served = serve(TWO)
    diary = Diary(served)
    with Load(served.url, clients=6, reconnect=True, pause=0, per_connection=20) as load:
        fill(served.url, load)
        before = counts(served.url)
        assert before["pending_events"] > 0
        victim = workers_of(served.process.pid)[0]
        os.kill(victim, signal.SIGKILL)
        load.goes_on(40)
        replaced(served, victim)
        load.goes_on(40)
        now = counts(served.url)
        assert now["events_lost_total"] == now["pending_events_in_memory"] == 0
        assert now["pending_events"] > before["pending_events"]
        resize("64m")
        until(lambda: metric(served.url, LOG + "pending_events") == 0)
        load.goes_on()
    assert load.failures == []
    until(lambda: ask(served.url, "/health")[0] == 200)
    after = counts(served.url)
    assert served.stop() == 0
    events = served.log()
    check_log(events, load)
    lines = len(events)
    assert after == {
        "events_total": lines,
        "pending_events": 0,
        **dict.fromkeys(("pending_events_in_memory", "events_lost_total"), 0),
    }
    assert lines - len(load.answers) <= len(load.cut)
    told = [line["message"] for line in diary.lines() if "lost" in line["message"]]
    assert told
    assert all(re.search(r"has lost 0 events", message) for message in told)


@pytest.mark.parametrize("who", ["all processes", "the parent"])
def test_what_waits_on_a_full_disk_is_written_by_the_next_start(
    serve: Serve, resize: Resize, who: str
) -> None:
    served = serve(TWO)
    with Load(served.url, clients=6, reconnect=True, pause=0, per_connection=20) as load:
        fill(served.url, load)
        if who == "all processes":
            kill_all(served)
        else:
            workers = workers_of(served.process.pid)
            served.process.kill()
            served.process.wait()
            until(lambda: not any(Path(f"/proc/{worker}/fd").exists() for worker in workers))
    assert load.failures == []
    resize("64m")
    again = serve(TWO)
    until(lambda: metric(again.url, LOG + "pending_events") == 0)
    written = counts(again.url)["events_total"]
    assert again.stop() == 0
    events = served.log()
    assert 0 < written < len(events)  # what the first one had not written
    check_log(events, load)


def test_what_a_killed_worker_had_in_memory_alone_is_counted_as_lost(serve: Serve) -> None:
    served = serve(TWO)
    diary = Diary(served)
    with Load(served.url, clients=6, reconnect=True) as load:
        load.goes_on()
        workers = workers_of(served.process.pid)
        limit_files(workers, 0)  # neither the log nor a spill file takes anything
        load.goes_on(20)
        until(lambda: metric(served.url, LOG + "pending_events_in_memory") > 0)
        assert any(
            "only in memory" in reason for reason in ask(served.url, "/health")[1]["reasons"]
        )
        victim = max(workers, key=lambda worker: log_of(worker).stat().st_size)
        os.kill(victim, signal.SIGKILL)
        replaced(served, victim)
        limit_files(workers_of(served.process.pid), -1)
        until(lambda: metric(served.url, LOG + "pending_events") == 0)
        load.goes_on()
    assert load.failures == []
    after = counts(served.url)
    reasons = ask(served.url, "/health")[1]["reasons"]
    assert served.stop() == 0
    events = served.log()
    lost = after["events_lost_total"]
    assert lost > 0
    assert after["events_total"] == len(events)
    answered = len(load.answers)
    assert answered <= len(events) + lost <= answered + len(load.cut)
    assert reasons == [f"{lost} events were lost and will not be in the log"]
    told = [line["message"] for line in diary.lines()]
    assert any(f"{lost} events were lost with the previous writer" in message for message in told)
