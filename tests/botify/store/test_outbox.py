"""What is remembered for Redis, and for how long."""

import struct

import pytest

from botify.store.outbox import Note, Notes


def test_an_end_is_owed_until_it_is_paid() -> None:
    notes = Notes()
    notes.ended(7, 100)
    notes.ended(8, 100)
    assert sorted(notes.owed()) == [(7, Note(ended=100)), (8, Note(ended=100))]
    notes.paid(7, Note(ended=100))
    assert [user for user, _ in notes.owed()] == [8]
    assert notes.owing == {8}


def test_a_newer_end_is_not_paid_by_an_older_one() -> None:
    notes = Notes()
    notes.ended(7, 100)
    notes.paid(7, Note(ended=99))
    assert notes.owed(7) == [(7, Note(ended=100))]


def test_answers_are_told_once_and_kept_in_mind_until_the_end() -> None:
    notes = Notes()
    notes.answered(7, 1000, 3, 9, 0.5)
    ((_, first),) = notes.owed(7)
    assert struct.unpack("<dIIf", first.untold) == (1000.0, 3, 9, 0.5)
    notes.answered(7, 1001, 9, 8, None)
    notes.paid(7, first)  # as it was when it was told
    ((_, second),) = notes.owed(7)
    assert struct.unpack("<dIIf", second.untold) == (1001.0, 9, 8, -1.0)
    notes.paid(7, second)
    assert notes.owed() == []
    assert notes.owing == set()
    assert notes.heard(7) == {3, 9, 8}
    notes.forget(7)
    assert notes.heard(7) == set()


def test_an_end_forgets_the_answers_before_it_and_comes_before_those_after_it() -> None:
    notes = Notes()
    notes.answered(7, 1000, 3, 9, None)
    notes.ended(7, 1001)
    notes.answered(7, 1002, 5, 6, None)
    ((_, note),) = notes.owed()
    assert note.ended == 1001
    assert len(note.untold) == 20
    assert notes.heard(7) == {5, 6}


def test_what_was_told_of_a_session_that_is_over_pays_nothing_of_the_next() -> None:
    notes = Notes()
    notes.answered(7, 1000, 3, 9, None)
    ((_, told),) = notes.owed()
    notes.forget(7)
    notes.answered(7, 1001, 5, 6, None)
    notes.paid(7, told)
    assert notes.owing == {7}


@pytest.mark.parametrize("notes", [Notes(most_users=3), Notes(most_answers=6)])
def test_memory_is_bounded_and_what_is_forgotten_is_told_once(
    notes: Notes, caplog: pytest.LogCaptureFixture
) -> None:
    for user in range(10):
        for number in range(2):
            notes.answered(user, number, number, number, None)
    assert notes.owing == {7, 8, 9}
    assert [record.name for record in caplog.records] == ["botify.store.outbox"]


def test_a_session_that_outgrows_memory_is_kept_while_it_is_the_only_one() -> None:
    notes = Notes(most_answers=2)
    for track in range(5):
        notes.answered(7, track, track, track, None)
    assert notes.heard(7) == {0, 1, 2, 3, 4}
