"""A process that is killed at any step, and another one that goes on: every event, once."""

import errno
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from botify.event_log.ledger import Ledger
from botify.event_log.writer import EventLog

from ..logs import SMALL, Clock

STEPS = ("write", "pwrite", "ftruncate", "unlink", "replace", "open")
"""What changes files."""


class Disk:
    """Patches `os`, in a child: a disk that fills up, and a death at one of the steps."""

    def __init__(self, die_at: int, how: str) -> None:
        """`how`: before the step, after it, or in the middle, where it writes."""
        self.room = 10**9
        """Bytes that logs may grow by."""
        self.bad: Path | None = None
        """A file that may not grow, wherever there is room."""
        self._left = die_at
        self._how = how
        self.report = os.write
        for name in STEPS:
            setattr(os, name, self._mortal(name, getattr(os, name)))

    def _mortal(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def done(*arguments: Any, **more: Any) -> Any:
            self._left -= 1
            if self._left == 0 and self._how == "before":
                self._die()
            if self._left == 0 and self._how == "middle" and "write" in name:
                number, data, *place = arguments
                arguments = (number, data[: len(data) // 2], *place)
            try:
                return self._do(call, *arguments, **more)
            finally:
                if self._left == 0:
                    self._die()

        return done

    def _do(self, call: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
        if call is not self.report:
            return call(*arguments, **more)
        number, data = arguments
        if self.bad and os.path.samestat(os.fstat(number), self.bad.stat()):
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        if not data or self.room:
            taken: int = call(number, data[: self.room])
            self.room -= taken
            return taken
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _die(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


Open = Callable[[], EventLog]


def play(log: EventLog, disk: Disk, answered: Callable[[int], None]) -> None:
    """The disk fills up twice, the first time within a line; then a file may not grow further.
    Files are left between."""
    number = 0

    def events(*sizes: int) -> None:
        nonlocal number
        for size in sizes:
            log.write({"user": number, "text": "x" * size})
            answered(number)
            number += 1

    events(10, 10)
    disk.room = 30
    events(300, 300, 300)
    log.tick()
    disk.room = 500
    log.tick()
    events(200)
    disk.room = 10**9
    log.tick()
    events(100, 600, 600)
    disk.room = 0
    events(100, 100)
    log.tick()
    disk.room = 10**9
    log.tick()
    events(10)
    disk.bad = log.status().path
    events(10, 10, 10)
    log.tick()
    events(10)
    log.close()


def mortal(work: Callable[[Disk, Callable[[int], None]], None], die_at: int, how: str) -> Any:
    """Run `work` in a child that dies at that step; what it answered, and whether it died."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            disk = Disk(die_at, how)
            work(disk, lambda number: disk.report(writing, b"%d\n" % number) and None)
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(3)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        answered = [int(line) for line in pipe]
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return answered, os.WIFSIGNALED(status)


def written(directory: Path) -> tuple[list[int], int]:
    """Users in order of their lines, and how many lines are torn."""
    found, torn = [], 0
    for path in sorted(directory.glob("data.json*")):
        for line in path.read_bytes().splitlines():
            try:
                found.append(json.loads(line)["user"])
            except ValueError:
                torn += 1
    return found, torn


def check(directory: Path, answered: list[int], ledger: Ledger) -> None:
    found, torn = written(directory)
    assert found == list(range(len(found)))  # once each, and in order
    assert len(answered) <= len(found) <= len(answered) + 1  # one may be in between
    assert torn <= 1
    totals = ledger.totals()
    assert (totals.written, totals.lost, totals.pending) == (len(found), 0, 0)


@contextmanager
def world(base: Path, places: list[Path]) -> Iterator[tuple[Path, Ledger, Open]]:
    """A directory, a ledger, and what opens the log in it."""
    ledger, clock = Ledger.of(1), Clock()

    def open_log() -> EventLog:
        return EventLog(base, 1, SMALL, clock, elapsed=clock, ledger=ledger, spill_places=places)

    yield base, ledger, open_log
    assert not [path for place in places for path in place.rglob("*") if path.is_file()]


@pytest.mark.parametrize("how", ["before", "middle", "after"])
def test_killed_at_any_step(tmp_path: Path, spill_places: list[Path], how: str) -> None:
    died, step = True, 0
    while died:
        step += 1
        with world(tmp_path / f"{step}", spill_places) as (directory, ledger, open_log):
            answered, died = mortal(
                lambda disk, answer, make=open_log: play(make(), disk, answer), step, how
            )
            open_log().close()
            check(directory, answered, ledger)
    assert step > 55


@pytest.mark.integration
@pytest.mark.parametrize(
    ("stride", "least"), [(15, 20), pytest.param(3, 90, marks=pytest.mark.nightly)]
)
def test_killed_at_any_step_and_again_at_any_step_of_going_on(
    tmp_path: Path, spill_places: list[Path], stride: int, least: int
) -> None:
    tried = 0
    for step in range(1, 60, stride):
        again, died = 0, True
        while died:
            again += 1
            place = tmp_path / f"{step}-{again}"
            with world(place, spill_places) as (directory, ledger, open_log):
                answered, _ = mortal(
                    lambda disk, answer, make=open_log: play(make(), disk, answer), step, "after"
                )
                how = ("before", "middle", "after")[again % 3]
                _, died = mortal(lambda disk, answer, make=open_log: make().close(), again, how)
                open_log().close()
                check(directory, answered, ledger)
                tried += 1
    assert tried >= least
