"""What the service's processes see of its workers."""

import os
from collections.abc import Iterator

import pytest

from botify.observability import worker_table as module
from botify.observability.worker_table import WorkerState, WorkerTable


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
def table(clock: Clock) -> WorkerTable:
    made = WorkerTable(2)
    for number in range(2):
        made.record(number, WorkerState.SERVING, 0)
    return made


def test_workers_that_give_signs_of_life_serve(table: WorkerTable, clock: Clock) -> None:
    for _ in range(10):
        clock.now += 1
        for number in range(2):
            table.beat(number, clock.now - 0.5)
    assert table.serving() == 2
    assert table.problems() == []


def test_a_worker_that_is_silent_does_not_answer(table: WorkerTable, clock: Clock) -> None:
    clock.now += 7
    table.beat(0, None)
    assert table.serving() == 1
    assert table.problems() == ["worker 2 does not answer: no heartbeat for 7 s"]


def test_nor_does_one_whose_threads_are_all_busy(table: WorkerTable, clock: Clock) -> None:
    clock.now += 60
    table.beat(0, 1000.0)
    table.beat(1, None)
    why = "all its threads have been busy for 60 s"
    assert table.problems() == [f"worker 1 does not answer: {why}"]


@pytest.mark.parametrize(
    ("state", "deaths", "words"),
    [
        (WorkerState.STARTING, 0, "worker 1 is starting"),
        (WorkerState.DIED, 1, "worker 1 died, once recently, and will be restarted"),
        (WorkerState.GIVEN_UP, 3, "worker 1 was given up: it died 3 times; restart the service"),
    ],
)
def test_what_the_parent_knows_is_told(
    table: WorkerTable, state: WorkerState, deaths: int, words: str
) -> None:
    table.record(0, state, deaths)
    assert table.problems() == [words]
    assert table.serving() == 1


def test_another_process_sees_the_same() -> None:
    shared = WorkerTable(1)
    pid = os.fork()
    if pid == 0:
        shared.record(0, WorkerState.GIVEN_UP, 2)
        os._exit(0)
    os.waitpid(pid, 0)
    assert shared.state(0) is WorkerState.GIVEN_UP
    assert shared.deaths(0) == 2
