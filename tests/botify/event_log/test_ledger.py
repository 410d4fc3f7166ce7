"""What all workers count: true whoever reads it, and after the death of whoever counted."""

import pytest

from botify.event_log.ledger import (
    FAILING,
    IN_MEMORY,
    LOST,
    OLDEST,
    SPILLED,
    WRITTEN,
    Ledger,
    LogTotals,
    Mark,
)

from ..logs import forked


def count(ledger: Ledger, key: int, **cells: int) -> None:
    account = ledger.take(key)
    names = {
        "written": WRITTEN,
        "lost": LOST,
        "spilled": SPILLED,
        "in_memory": IN_MEMORY,
        "failing": FAILING,
        "oldest": OLDEST,
    }
    for name, value in cells.items():
        account.cells[names[name]] = value


def test_a_worker_that_dies_keeps_its_counts_and_its_memory_is_lost() -> None:
    ledger = Ledger.of(2)
    with forked(lambda: count(ledger, 2, written=10, lost=1, spilled=5, in_memory=3, failing=1)):
        assert ledger.totals() == LogTotals(10, 1, pending=8, in_memory=3, failing=1)
    assert ledger.totals() == LogTotals(10, 4, pending=5, orphaned=5)


def test_who_replaces_a_dead_worker_goes_on_with_its_slot() -> None:
    ledger = Ledger(2)
    with forked(lambda: count(ledger, 2, written=10, in_memory=3)):
        other = ledger.take(2)  # two of one number cannot be, but for a moment
        assert other.cells[WRITTEN] == 0
        other.release()
    account = ledger.take(2)
    assert account.count_lost_memory() == 3
    account.cells[WRITTEN] += 1
    assert ledger.totals() == LogTotals(11, 3)
    account.release()
    assert ledger.totals() == LogTotals(11, 3)


def test_a_slot_is_somebody_elses_while_its_worker_lives() -> None:
    ledger = Ledger(1)
    with forked(lambda: count(ledger, 2)), pytest.raises(ValueError, match="no free slot"):
        ledger.take(3)
    ledger.take(3)
    with pytest.raises(ValueError, match="no free slot"):
        ledger.take(4)


def test_what_a_number_left_counts_as_written_where_its_slot_is_needed() -> None:
    ledger = Ledger(1)
    with forked(lambda: count(ledger, 2, written=10, spilled=5)):
        pass
    ledger.take(3)
    assert ledger.totals() == LogTotals(15)


@pytest.mark.parametrize(
    ("outcome", "expected", "lost"),
    [
        (None, LogTotals(10, pending=5, orphaned=5), 0),
        (WRITTEN, LogTotals(15), 0),
        (LOST, LogTotals(10, 5), 5),
    ],
)
def test_what_dead_workers_left_is_settled_by_its_fate(
    outcome: int | None, expected: LogTotals, lost: int
) -> None:
    ledger = Ledger(3)
    count(ledger, 1, spilled=1)  # ours, and no business of anybody else
    asked = []

    def told(key: int) -> int | None:
        asked.append(key)
        return outcome

    with forked(lambda: count(ledger, 2, written=10, spilled=5)):
        assert ledger.write_off(told) == 0
        assert asked == []
    assert ledger.write_off(told) == lost
    assert asked == [2]
    assert ledger.totals() == expected._replace(pending=expected.pending + 1)


def test_lag_is_that_of_the_oldest_event_whoever_has_it() -> None:
    ledger = Ledger(2)
    now = int(1e9)
    with forked(lambda: count(ledger, 2, spilled=1, oldest=now)):
        count(ledger, 3, in_memory=1, oldest=2 * now)
        first = ledger.totals().lag_seconds
        assert first > 0
    assert ledger.totals().lag_seconds >= first
    ledger.write_off(lambda key: WRITTEN)
    assert ledger.totals().lag_seconds <= ledger.totals().lag_seconds < first


def test_a_mark_that_was_not_finished_is_not_read() -> None:
    account = Ledger(1).take(1)
    assert account.marked() == Mark(0, 0, 0, 0)
    account.cells[WRITTEN] = 7
    account.mark(1, 2, 3)
    assert account.marked() == Mark(7, 1, 2, 3)
    account.cells[12 if account.cells[7] == 0 else 8] = 99  # the beginning of the next
    assert account.marked() == Mark(7, 1, 2, 3)
    account.cells[WRITTEN] = 8
    account.mark(4, 5, 6)
    assert account.marked() == Mark(8, 4, 5, 6)
