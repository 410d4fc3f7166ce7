"""Worker processes: forked, watched, replaced when they die, given up when they keep dying."""

import logging
import multiprocessing
import os
import signal
import struct
from collections import deque
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from time import monotonic
from typing import NamedTuple, Protocol

from botify.observability.worker_table import Fate, Roster

_GRACE = 10
"""Seconds that workers have to end when they are told to."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 8.0
"""Seconds before a worker is started again: none after its first death, then these, doubling."""
_CANNOT_START = 3
_WORD = struct.Struct("=h")
_WAKE = -1

_FORK = multiprocessing.get_context("fork")  # workers share the catalog, and open sockets

_log = logging.getLogger("botify.server.supervisor")


class Patience(NamedTuple):
    """A worker that dies this often within so many seconds is given up."""

    deaths: int
    seconds: float


class Doors(Protocol):
    """What lets requests in to the workers; called in the parent."""

    def open(self, number: int) -> None:
        """A worker is about to start."""

    def close(self, number: int) -> None:
        """A worker is away for a while, or for good, while others serve."""


class Supervisor:
    """The parent's part. `run` must be called in the main thread."""

    def __init__(
        self,
        work: Callable[[int, Callable[[], None]], None],
        roster: Roster,
        patience: Patience,
        doors: Doors,
        on_ready: Callable[[], None],
    ) -> None:
        """`work(number, ready)` is a worker's life, in a process of its own.

        It calls `ready()` when it serves, and ends where it gets SIGTERM. `on_ready` is called
        here when all workers serve for the first time.
        """
        self._work = work
        self._roster = roster
        self._patience = patience
        self._doors = doors
        self._on_ready = on_ready
        self._starting = set(range(roster.workers))  # for the first time
        self._processes: dict[int, BaseProcess] = {}
        self._deaths: list[deque[float]] = [deque() for _ in range(roster.workers)]
        self._due: dict[int, float] = {}  # when workers that died are started again
        self._stopped = False
        self._reading, self._writing = os.pipe()

    def run(self) -> None:
        """Until SIGTERM, SIGINT or SIGHUP, after which the workers have time to finish.

        SystemExit (1) where a worker cannot even start the first time, or all were given up.
        """
        # SIGHUP: the terminal is gone.
        for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(name, self._stop)
        failed = ""
        try:
            for number in range(self._roster.workers):
                self._start(number)
            while not self._stopped and not failed:
                failed = self._step()
        finally:
            self._end_all()
        if failed:
            _log.critical("%s", failed)
            raise SystemExit(1)

    def _stop(self, *_: object) -> None:
        self._stopped = True
        os.write(self._writing, _WORD.pack(_WAKE))

    def _step(self) -> str:
        """Wait for something to happen, and see to it; why the service has to end, if it has."""
        first = min(self._due.values(), default=None)
        timeout = None if first is None else max(0.0, first - monotonic())
        sentinels = [process.sentinel for process in self._processes.values()]
        if self._reading in wait([*sentinels, self._reading], timeout):
            (number,) = _WORD.unpack(os.read(self._reading, _WORD.size))
            if number != _WAKE:
                self._serves(number)
        if self._stopped:
            return ""
        for number, process in list(self._processes.items()):
            if not process.is_alive():
                del self._processes[number]
                if process.exitcode == _CANNOT_START and number in self._starting:
                    return "a worker cannot start"
                self._died(number, process)
        for number, due in list(self._due.items()):
            if due <= monotonic():
                self._start(number)
        if not self._processes and not self._due:
            deaths, seconds = self._patience
            return f"all workers were given up: each died {deaths} times within {seconds:g} s"
        return ""

    def _start(self, number: int) -> None:
        self._due.pop(number, None)
        self._doors.open(number)
        self._roster.record(number, Fate.STARTING, len(self._deaths[number]))
        process = _FORK.Process(target=self._live, args=(number,), name=f"worker-{number + 1}")
        process.start()
        self._processes[number] = process

    def _live(self, number: int) -> None:
        """Runs in the worker."""
        # Until it has its own handlers: those it was forked with are the parent's.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        if self._stopped:
            return
        # Ctrl-C reaches a whole process group; the parent passes a gentler signal on.
        os.setpgid(0, 0)
        try:
            self._work(number, lambda: self._tell(number))
        except Exception:
            _log.exception("worker %d cannot start", number + 1)
            os._exit(_CANNOT_START)

    def _tell(self, number: int) -> None:
        os.write(self._writing, _WORD.pack(number))

    def _serves(self, number: int) -> None:
        if number not in self._processes:  # it was, and died
            return
        self._roster.record(number, Fate.SERVING, len(self._deaths[number]))
        if self._starting:
            self._starting.discard(number)
            if not self._starting:
                self._on_ready()

    def _died(self, number: int, process: BaseProcess) -> None:
        now = monotonic()
        deaths = self._deaths[number]
        deaths.append(now)
        while deaths[0] < now - self._patience.seconds:
            deaths.popleft()
        how = _how(process.exitcode)
        if len(deaths) >= self._patience.deaths:
            self._roster.record(number, Fate.GIVEN_UP, len(deaths))
            _log.error(
                "worker %d (process %d) %s; it died %d times within %g s and is given up",
                *(number + 1, process.pid, how, *self._patience),
            )
            pause = float("inf")
        else:
            self._roster.record(number, Fate.DIED, len(deaths))
            doublings = len(deaths) - 2
            pause = min(_FIRST_PAUSE * 2**doublings, _LONGEST_PAUSE) if doublings >= 0 else 0.0
            _log.error(
                "worker %d (process %d) %s; it is started again in %g s",
                *(number + 1, process.pid, how, pause),
            )
            self._due[number] = now + pause
        # Requests that wait for it find another, if there is one. Who has only just died is back
        # before they notice.
        if pause and any(n != number for n in self._processes):
            self._doors.close(number)

    def _end_all(self) -> None:
        for process in self._processes.values():
            process.terminate()
        deadline = monotonic() + _GRACE
        for process in self._processes.values():
            process.join(max(0.0, deadline - monotonic()))
            if process.exitcode is None:
                process.kill()
                process.join()
        self._processes.clear()


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
