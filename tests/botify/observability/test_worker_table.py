"""What the service's processes see of its workers."""

import os
from collections.abc import Iterator

import pytest

from botify.observability import worker_table as module
from botify.observability.worker_table import Fate, Roster


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    clock = Clock()
    monkeypatch.setattr(module, "monotonic", clock)
    return clock


@pytest.fixture
def roster(clock: Clock) -> Roster:
    made = Roster(2)
    for number in range(2):
        made.record(number, Fate.SERVING, 0)
    return made


def test_workers_that_give_signs_of_life_serve(roster: Roster, clock: Clock) -> None:
    for _ in range(10):
        clock.now += 1
        for number in range(2):
            roster.beat(number, clock.now - 0.5)
    assert roster.serving() == 2
    assert roster.trouble() == []


def test_a_worker_that_is_silent_does_not_answer(roster: Roster, clock: Clock) -> None:
    clock.now += 7
    roster.beat(0, None)
    assert roster.serving() == 1
    assert roster.trouble() == ["worker 2 does not answer: no sign of life for 7 s"]


def test_nor_does_one_whose_threads_are_all_busy(roster: Roster, clock: Clock) -> None:
    clock.now += 60
    roster.beat(0, 1000.0)
    roster.beat(1, None)
    why = "all its threads have been busy for 60 s"
    assert roster.trouble() == [f"worker 1 does not answer: {why}"]


@pytest.mark.parametrize(
    ("fate", "deaths", "words"),
    [
        (Fate.STARTING, 0, "worker 1 is starting"),
        (Fate.DIED, 1, "worker 1 died, once lately, and will be started again"),
        (Fate.GIVEN_UP, 3, "worker 1 was given up: it died 3 times; restart the service"),
    ],
)
def test_what_the_parent_knows_is_told(
    roster: Roster, fate: Fate, deaths: int, words: str
) -> None:
    roster.record(0, fate, deaths)
    assert roster.trouble() == [words]
    assert roster.serving() == 1


def test_another_process_sees_the_same() -> None:
    shared = Roster(1)
    pid = os.fork()
    if pid == 0:
        shared.record(0, Fate.GIVEN_UP, 2)
        os._exit(0)
    os.waitpid(pid, 0)
    assert shared.fate(0) is Fate.GIVEN_UP
    assert shared.deaths(0) == 2
