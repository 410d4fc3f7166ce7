"""What is remembered for Redis, and for how long."""

import struct

import pytest

from botify.store.outbox import Outbox, PendingUpdate


def test_an_end_is_owed_until_it_is_paid() -> None:
    outbox = Outbox()
    outbox.add_end(7, 100)
    outbox.add_end(8, 100)
    assert sorted(outbox.pending()) == [
        (7, PendingUpdate(ended=100)),
        (8, PendingUpdate(ended=100)),
    ]
    outbox.acknowledge(7, PendingUpdate(ended=100))
    assert [user for user, _ in outbox.pending()] == [8]
    assert outbox.pending_users == {8}


def test_a_newer_end_is_not_paid_by_an_older_one() -> None:
    outbox = Outbox()
    outbox.add_end(7, 100)
    outbox.acknowledge(7, PendingUpdate(ended=99))
    assert outbox.pending(7) == [(7, PendingUpdate(ended=100))]


def test_answers_are_told_once_and_kept_in_mind_until_the_end() -> None:
    outbox = Outbox()
    outbox.add_answer(7, 1000, 3, 9, 0.5)
    ((_, first),) = outbox.pending(7)
    assert struct.unpack("<dIIf", first.unsent) == (1000.0, 3, 9, 0.5)
    outbox.add_answer(7, 1001, 9, 8, None)
    outbox.acknowledge(7, first)  # as it was when it was told
    ((_, second),) = outbox.pending(7)
    assert struct.unpack("<dIIf", second.unsent) == (1001.0, 9, 8, -1.0)
    outbox.acknowledge(7, second)
    assert outbox.pending() == []
    assert outbox.pending_users == set()
    assert outbox.seen(7) == {3, 9, 8}
    outbox.discard(7)
    assert outbox.seen(7) == set()


def test_an_end_forgets_the_answers_before_it_and_comes_before_those_after_it() -> None:
    outbox = Outbox()
    outbox.add_answer(7, 1000, 3, 9, None)
    outbox.add_end(7, 1001)
    outbox.add_answer(7, 1002, 5, 6, None)
    ((_, note),) = outbox.pending()
    assert note.ended == 1001
    assert len(note.unsent) == 20
    assert outbox.seen(7) == {5, 6}


def test_what_was_told_of_a_session_that_is_over_pays_nothing_of_the_next() -> None:
    outbox = Outbox()
    outbox.add_answer(7, 1000, 3, 9, None)
    ((_, told),) = outbox.pending()
    outbox.discard(7)
    outbox.add_answer(7, 1001, 5, 6, None)
    outbox.acknowledge(7, told)
    assert outbox.pending_users == {7}


@pytest.mark.parametrize("outbox", [Outbox(max_users=3), Outbox(max_answers=6)])
def test_memory_is_bounded_and_what_is_forgotten_is_told_once(
    outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    for user in range(10):
        for number in range(2):
            outbox.add_answer(user, number, number, number, None)
    assert outbox.pending_users == {7, 8, 9}
    assert [record.name for record in caplog.records] == ["botify.store.outbox"]


def test_a_session_that_outgrows_memory_is_kept_while_it_is_the_only_one() -> None:
    outbox = Outbox(max_answers=2)
    for track in range(5):
        outbox.add_answer(7, track, track, track, None)
    assert outbox.seen(7) == {0, 1, 2, 3, 4}
