"""What waits under a number of the log that no process has any more."""

import errno
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from botify.event_log.ledger import Ledger, LogTotals
from botify.event_log.segments import Segment
from botify.event_log.writer import EventLog

from ..logs import Clock, forked, full_disk, lines, users

Make = Callable[..., EventLog]


@pytest.fixture
def two(make: Make, spill_places: list[Path]) -> tuple[EventLog, Ledger]:
    """The log of a worker that lives, data.json.0, beside one that died with two events in
    data.json.1 and two that wait."""
    ledger = Ledger.of(2)
    options = {"ledger": ledger, "spill_places": spill_places}
    living = make(2, **options)

    def die() -> None:
        log = make(2, **options)
        assert log.status().path.name == "data.json.1"
        log.write({"user": 10})
        log.write({"user": 11})
        with full_disk(log.status().path):
            log.write({"user": 12})
            log.write({"user": 13})

    with forked(die):
        pass
    return living, ledger


@contextmanager
def ten_seconds(clock: Clock, log: EventLog) -> Iterator[None]:
    """Until the next look around."""
    clock.now += 10
    yield
    log.tick()


def spilled(places: list[Path]) -> list[Path]:
    return [path for place in places for path in place.rglob("*") if path.is_file()]


def test_another_worker_writes_it_into_its_files(
    two: tuple[EventLog, Ledger], clock: Clock, tmp_path: Path, spill_places: list[Path]
) -> None:
    log, ledger = two
    assert ledger.totals()._replace(lag_seconds=0) == LogTotals(2, 0, pending=2, orphaned=2)
    with ten_seconds(clock, log):
        pass
    assert users(tmp_path / "log") == [10, 11, 12, 13]
    assert {path.name for path in (tmp_path / "log").glob("data*")} == {
        "data.json.0",
        "data.json.1",
    }
    assert ledger.totals() == LogTotals(4)
    assert spilled(spill_places) == []
    log.write({"user": 0})
    assert ledger.totals() == LogTotals(5)


def test_it_is_left_to_who_replaces_the_dead_one_for_a_while(
    two: tuple[EventLog, Ledger], clock: Clock, make: Make, spill_places: list[Path]
) -> None:
    log, ledger = two
    clock.now = time.time()
    log.tick()
    assert ledger.totals().orphaned == 2
    fresh = make(2, ledger=ledger, spill_places=spill_places)
    assert fresh.status().path.name == "data.json.1"
    assert (fresh.status().written, ledger.totals()) == (4, LogTotals(4))


def test_it_waits_on_where_the_disk_still_refuses(
    two: tuple[EventLog, Ledger],
    clock: Clock,
    tmp_path: Path,
    spill_places: list[Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(segment: Segment, data: bytes) -> int:
        segment.refusal = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return 0

    log, ledger = two
    with monkeypatch.context() as patch:
        patch.setattr(Segment, "append", refuse)
        with ten_seconds(clock, log):
            pass
    assert ledger.totals().pending == 2
    with ten_seconds(clock, log):
        pass
    assert users(tmp_path / "log") == [10, 11, 12, 13]
    assert ledger.totals() == LogTotals(4)
    assert spilled(spill_places) == []


def test_it_is_lost_and_said_to_be_where_somebody_deletes_it(
    two: tuple[EventLog, Ledger],
    clock: Clock,
    spill_places: list[Path],
    caplog: pytest.LogCaptureFixture,
) -> None:
    log, ledger = two
    for path in spilled(spill_places):
        path.unlink()
    with ten_seconds(clock, log):
        pass
    assert ledger.totals() == LogTotals(2, 2)
    assert "2 events are lost: the file that held" in caplog.text


def test_it_is_lost_where_the_number_itself_is_gone(
    two: tuple[EventLog, Ledger], clock: Clock, tmp_path: Path
) -> None:
    log, ledger = two
    shutil.rmtree(tmp_path / "log")
    with ten_seconds(clock, log):
        pass
    assert ledger.totals() == LogTotals(2, 2)


def test_who_replaces_a_worker_counts_what_somebody_deleted(
    two: tuple[EventLog, Ledger],
    make: Make,
    spill_places: list[Path],
    caplog: pytest.LogCaptureFixture,
) -> None:
    _, ledger = two
    for path in spilled(spill_places):
        path.unlink()
    make(2, ledger=ledger, spill_places=spill_places)
    assert ledger.totals() == LogTotals(2, 2)
    assert "2 events were lost with the previous writer of" in caplog.text


def test_another_service_that_takes_the_number_writes_it(
    two: tuple[EventLog, Ledger],
    clock: Clock,
    make: Make,
    spill_places: list[Path],
    tmp_path: Path,
) -> None:
    log, ledger = two
    other = Ledger()
    theirs = make(2, ledger=other, spill_places=spill_places)
    assert theirs.status().path.name == "data.json.1"
    with ten_seconds(clock, log):
        pass
    assert users(tmp_path / "log") == [10, 11, 12, 13]
    assert ledger.totals() == LogTotals(4)
    assert other.totals() == LogTotals(2)


def test_a_start_with_fewer_workers_writes_all(
    two: tuple[EventLog, Ledger],
    clock: Clock,
    make: Make,
    spill_places: list[Path],
    tmp_path: Path,
) -> None:
    log, _ = two
    with full_disk(log.status().path):
        log.write({"user": 0})
        with ten_seconds(clock, log):
            pass
    log.close()
    alone = make(1, spill_places=spill_places)
    with ten_seconds(clock, alone):
        pass
    assert sorted(event["user"] for event in lines(tmp_path / "log")) == [0, 10, 11, 12, 13]
