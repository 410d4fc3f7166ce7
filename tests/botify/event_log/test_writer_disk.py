"""The event log while the disk refuses: nothing is lost that memory can hold."""

import logging
import resource
import shutil
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from botify.config import LogConfig
from botify.event_log.backlog import MAX_BACKLOG_BYTES
from botify.event_log.writer import EventLog

from ..logs import SMALL, Clock, full_disk, lines, users


def test_a_full_disk_delays_events_and_loses_none(
    make: Callable[..., EventLog],
    tmp_path: Path,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = make()
    path = log.status().path
    log.write({"user": 0})
    with full_disk(path):
        for user in (1, 2):
            log.write({"user": user})
            clock.now += 5
        log.tick()
        log.tick()
        status = log.status()
        assert status.failing == f"{path} cannot be written: No space left on device"
        assert (status.written, status.pending, status.lost) == (1, 2, 0)
        assert status.lag_seconds == 10.0
        assert users(tmp_path / "log") == [0]
    log.write({"user": 3})  # the disk would take it, but it has its turn
    assert users(tmp_path / "log") == [0]
    log.tick()
    log.write({"user": 4})
    assert users(tmp_path / "log") == [0, 1, 2, 3, 4]
    status = log.status()
    assert (status.written, status.pending, status.lag_seconds, status.failing) == (5, 0, 0.0, "")
    assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.WARNING]


def test_threads_that_write_through_an_outage_keep_their_order(
    make: Callable[..., EventLog], tmp_path: Path
) -> None:
    log = make(options=LogConfig())

    def write(thread: int) -> None:
        for number in range(2000):
            log.write({"user": thread * 10_000 + number})

    writers = [threading.Thread(target=write, args=(thread,)) for thread in range(3)]
    with full_disk(log.status().path):
        for writer in writers:
            writer.start()
        while log.status().pending < 500:
            log.tick()
    log.tick()
    for writer in writers:
        writer.join()
    log.tick()
    found = users(tmp_path / "log")
    for thread in range(3):
        of_thread = [user for user in found if user // 10_000 == thread]
        assert of_thread == [thread * 10_000 + number for number in range(2000)]


@pytest.mark.parametrize("where", ["spill", "memory"])
def test_what_waits_is_bounded_and_what_has_no_room_is_counted(
    make: Callable[..., EventLog], tmp_path: Path, spill_places: list[Path], where: str
) -> None:
    log = make(options=LogConfig(), spill_places=spill_places if where == "spill" else ())
    with full_disk(log.status().path):
        for user in range(20):
            log.write({"user": user, "text": "x" * 2**20})
        status = log.status()
        kept = MAX_BACKLOG_BYTES // (2**20 + 200)
        assert (status.pending, status.lost) == (kept, 20 - kept)
        assert status.in_memory == (0 if where == "spill" else kept)
        log.tick()
        assert log.status()[:5] == status[:5]
    log.tick()
    log.write({"user": 99})
    assert users(tmp_path / "log") == [*range(kept), 99]


def test_many_small_events_stay_within_the_memory_too(make: Callable[..., EventLog]) -> None:
    """Python's own cost of a line is counted with it."""
    log = make(options=LogConfig(), spill_places=())
    with full_disk(log.status().path):
        log.write({"user": 0})
        tracemalloc.start()
        try:
            while not log.status().lost:
                for _ in range(1000):
                    log.write({"user": 1})
            used, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert 0.7 * MAX_BACKLOG_BYTES < used < 1.1 * MAX_BACKLOG_BYTES


def test_what_memory_alone_has_at_the_end_is_counted_as_lost(
    make: Callable[..., EventLog], tmp_path: Path
) -> None:
    log = make(spill_places=())
    with full_disk(log.status().path):
        log.write({"user": 1})
        log.close()
    assert log.status().lost == 1
    log.close()
    assert log.status().lost == 1
    with pytest.raises(ValueError, match="closed"):
        log.write({"user": 2})
    log.tick()
    assert lines(tmp_path / "log") == []


def test_closing_writes_what_waits(make: Callable[..., EventLog], tmp_path: Path) -> None:
    log = make()
    with full_disk(log.status().path):
        log.write({"user": 1})
    log.close()
    assert users(tmp_path / "log") == [1]
    assert log.status()[1:4] == (1, 0, 0)


SHORT_DISK = """
import os, sys
from pathlib import Path
from botify.config import LogConfig
from botify.event_log.writer import EventLog
directory = Path(sys.argv[1])
path, fill = directory / "data.json", directory / "fill"
def fill_up(left):
    room = os.statvfs(directory)
    fill.write_bytes(bytes(room.f_bavail * room.f_frsize - left))
def open_log():
    return EventLog(directory, 1, LogConfig(rotate_bytes=1 << 20))
"""
PARTIAL = """
log = open_log()
fill_up(8192)
for _ in range(4):
    log.write({"user": 1, "text": "x" * 3000})
assert path.stat().st_size == 8192, path.stat()  # the third line in part
status = log.status()
assert status.written == 2 and status.pending == 2 and "No space" in status.failing, status
log.tick()
assert list(directory.glob("data.json*")) == [path]
"""
FINISHED = """
fill.unlink()
log.tick()
assert log.status()[1:4] == (4, 0, 0), log.status()
lines = path.read_text().splitlines()
assert lines == [lines[0]] * 4
"""
TAKEN_BACK = """
log.close()
assert log.status()[1:4] == (2, 0, 2), log.status()
assert path.read_text().endswith("}\\n") and path.read_text().count("\\n") == 2
fill.unlink()
log = open_log()
assert log.status()[1:4] == (2, 0, 0), log.status()  # those that waited
assert len({*path.read_text().splitlines()}) == 1 and path.read_text().count("\\n") == 4
"""
DELETED = """
path.unlink()  # which gives its space back once we close it
log.tick()
assert log.status()[1:4] == (4, 0, 0), log.status()
(path,) = directory.glob("data.json*")
assert [len(line) for line in path.read_text().splitlines()] == [3020] * 2
"""
STARTED = """
torn = "x" * 4096  # no room for a newline in its page
path.write_text(torn)
fill_up(0)
log = open_log()
assert "No space" in log.status().failing
log.write({"user": 1})
fill.unlink()
log.tick()
log.write({"user": 2})
assert path.read_text() == torn + '\\n{"user":1}\\n{"user":2}\\n', path.read_text()[4000:]
"""


@pytest.mark.integration
@pytest.mark.parametrize(
    "program",
    [
        pytest.param(PARTIAL + FINISHED, id="a line taken in part is finished"),
        pytest.param(PARTIAL + TAKEN_BACK, id="or taken back"),
        pytest.param(PARTIAL + DELETED, id="or begun again where somebody deletes the file"),
        pytest.param(STARTED, id="a start waits for room to end a torn line"),
    ],
)
def test_on_a_full_disk(tmp_path: Path, program: str) -> None:
    """A disk of 64 KiB of its own, where the system lets us mount one."""
    mount = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    script = 'mount -t tmpfs -o size=64k none "$0"'
    if not shutil.which("unshare") or subprocess.run([*mount, script, tmp_path]).returncode:
        pytest.skip("no user namespaces here: a small disk cannot be mounted")
    script += ' && exec "$1" -W error -c "$2" "$0"'
    command = [*mount, script, str(tmp_path), sys.executable, SHORT_DISK + program]
    subprocess.run(command, check=True, timeout=60)


LIMITED = """
import resource, sys
from pathlib import Path
from botify.config import LogConfig
from botify.event_log.writer import EventLog
def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
log = EventLog(Path(sys.argv[1]), 1, LogConfig())
limit(30)
log.write({"user": 1, "text": "x" * 100})
log.write({"user": 2})
assert log.status().pending == 2 and "too large" in log.status().failing, log.status()
log.tick()
assert len(list(Path(sys.argv[1]).glob("data.json*"))) == 1  # a new file would not take it either
limit(int(sys.argv[2]))
log.tick()
assert log.status()[1:4] == (2, 0, 0) and not log.status().failing, log.status()
for user in (3, 4):
    log.write({"user": user, "text": "x" * 100})
log.tick()
assert log.status()[1:4] == (4, 0, 0), log.status()
"""


def limited(directory: Path, later: int) -> None:
    command = [sys.executable, "-W", "error", "-c", LIMITED, str(directory), str(later)]
    subprocess.run(command, check=True, timeout=60)


@pytest.mark.integration
def test_a_line_that_a_file_took_in_part_is_finished(tmp_path: Path) -> None:
    limited(tmp_path, resource.RLIM_INFINITY)
    assert users(tmp_path) == [1, 2, 3, 4]
    assert len(list(tmp_path.glob("data.json*"))) == 1


@pytest.mark.integration
def test_where_a_file_may_not_grow_another_is_begun(tmp_path: Path) -> None:
    limited(tmp_path, 150)
    assert users(tmp_path) == [1, 2, 3, 4]
    assert [p.stat().st_size <= 150 for p in tmp_path.glob("data.json*")] == [True] * 3


@given(
    st.lists(
        st.one_of(
            st.integers(0, 400).map(lambda size: ("write", size)),
            st.sampled_from([("full", 0), ("space", 0), ("tick", 0), ("start", 0), ("later", 20)]),
        ),
        max_size=40,
    )
)
@settings(max_examples=60, deadline=None)
def test_every_event_is_in_the_files_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    """The disk fills and empties, files fill and age, the service stops and starts."""
    directory, clock = tmp_path_factory.mktemp("log"), Clock()
    log, count = EventLog(directory, 2, SMALL, clock), 0
    outage = None
    for step, amount in [*steps, ("space", 0)]:
        if step == "write":
            log.write({"user": count, "text": "x" * amount})
            count += 1
        elif step == "full" and outage is None:
            outage = full_disk(log.status().path)
            outage.__enter__()
        elif step == "space" and outage is not None:
            outage.__exit__(None, None, None)
            outage = None
        elif step == "tick":
            log.tick()
        elif step == "start" and outage is None:
            log.close()
            log = EventLog(directory, 2, SMALL, clock)
        elif step == "later":
            clock.now += amount
    log.close()
    assert log.status().lost == 0
    assert users(directory) == list(range(count))


def test_no_new_file_leaves_the_old_one_in_use(
    make: Callable[..., EventLog], tmp_path: Path
) -> None:
    """Where the process may open no more files."""
    log = make()
    first = log.status().path
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, allowed[1]))
    try:
        for user in range(3):
            log.write({"user": user, "text": "x" * 1024})
        log.tick()
        status = log.status()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, allowed)
    assert (status.path, status.written, status.pending) == (first, 3, 0)
    assert status.failing == f"no file can be made after {first}: Too many open files"
    log.tick()
    assert log.status().path != first
    assert log.status().failing == ""
    assert users(tmp_path / "log") == [0, 1, 2]


def test_events_wait_where_no_file_can_follow_the_one_taken_away(
    make: Callable[..., EventLog], tmp_path: Path
) -> None:
    log = make()
    (tmp_path / "log").rename(tmp_path / "moved")
    (tmp_path / "log").touch()
    log.tick()
    log.write({"user": 1})
    log.tick()
    status = log.status()
    assert status.pending == 1
    assert status.failing == f"no file can be made after {status.path}: File exists"
    (tmp_path / "log").unlink()
    log.tick()
    assert users(tmp_path / "log") == [1]
    assert log.status().failing == ""
