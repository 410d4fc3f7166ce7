"""Worker processes: forked, watched, restarted when they die, given up when they keep dying."""

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

from botify.observability.worker_table import WorkerState, WorkerTable

_STOP_SECONDS = 10
"""Seconds that workers have to end after SIGTERM."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 8.0
"""Seconds before a restart: none after a worker's first death, then these, doubling."""
_SIGNAL_INTERVAL = 0.5
"""Seconds between two looks for signals: one that the system gives to another thread does not wake
the main one, which alone runs handlers."""
_EXIT_CANNOT_START = 3
_MESSAGE = struct.Struct("=h")
_WAKE = -1

_FORK = multiprocessing.get_context("fork")  # workers share the catalog, and open sockets

_log = logging.getLogger("botify.server.supervisor")


class RestartLimit(NamedTuple):
    """A worker that dies this many times within this many seconds is given up."""

    deaths: int
    seconds: float


class SocketControl(Protocol):
    """Opens and closes the workers' listening sockets, in the parent."""

    def open(self, number: int) -> None:
        """A worker is about to start."""

    def close(self, number: int) -> None:
        """A worker is stopped for a while, or for good, while others serve."""


class Supervisor:
    """Runs in the parent. `run` must be called in the main thread."""

    def __init__(
        self,
        work: Callable[[int, Callable[[], None]], None],
        table: WorkerTable,
        limit: RestartLimit,
        sockets: SocketControl,
        on_ready: Callable[[], None],
    ) -> None:
        """`work(number, ready)` is the whole run of a worker, in a process of its own.

        It calls `ready()` when it serves, and returns after SIGTERM. `on_ready` is called in the
        parent when all workers serve for the first time.
        """
        self._work = work
        self._table = table
        self._limit = limit
        self._sockets = sockets
        self._on_ready = on_ready
        self._starting = set(range(table.workers))  # for the first time
        self._processes: dict[int, BaseProcess] = {}
        self._deaths: list[deque[float]] = [deque() for _ in range(table.workers)]
        self._due: dict[int, float] = {}  # when workers that died are started again
        self._stopped = False
        self._reading, self._writing = os.pipe()

    def run(self) -> None:
        """Until SIGTERM, SIGINT or SIGHUP; then the workers may finish their requests.

        SystemExit (1) if a worker cannot start for the first time, or all were given up.
        """
        # SIGHUP: the terminal is gone.
        for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(name, self._stop)
        failed = ""
        try:
            for number in range(self._table.workers):
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
        os.write(self._writing, _MESSAGE.pack(_WAKE))

    def _step(self) -> str:
        """Wait for an event and handle it. Returns why the service has to end, if it has to."""
        first = min(self._due.values(), default=float("inf"))
        timeout = min(max(0.0, first - monotonic()), _SIGNAL_INTERVAL)
        sentinels = [process.sentinel for process in self._processes.values()]
        if self._reading in wait([*sentinels, self._reading], timeout):
            (number,) = _MESSAGE.unpack(os.read(self._reading, _MESSAGE.size))
            if number != _WAKE:
                self._on_serving(number)
        if self._stopped:
            return ""
        for number, process in list(self._processes.items()):
            if not process.is_alive():
                del self._processes[number]
                if process.exitcode == _EXIT_CANNOT_START and number in self._starting:
                    return "a worker cannot start"
                self._on_death(number, process)
        for number, due in list(self._due.items()):
            if due <= monotonic():
                self._start(number)
        if not self._processes and not self._due:
            deaths, seconds = self._limit
            return f"all workers were given up: each died {deaths} times within {seconds:g} s"
        return ""

    def _start(self, number: int) -> None:
        self._due.pop(number, None)
        self._sockets.open(number)
        self._table.record(number, WorkerState.STARTING, len(self._deaths[number]))
        process = _FORK.Process(
            target=self._run_worker, args=(number,), name=f"worker-{number + 1}"
        )
        process.start()
        self._processes[number] = process

    def _run_worker(self, number: int) -> None:
        """Runs in the worker."""
        # Until it has its own handlers: the inherited ones are the parent's.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # it asks the parent to load the config
        if self._stopped:
            return
        # Ctrl-C reaches a whole process group; the parent sends workers SIGTERM instead.
        os.setpgid(0, 0)
        try:
            self._work(number, lambda: self._report_ready(number))
        except Exception:
            _log.exception("worker %d cannot start", number + 1)
            os._exit(_EXIT_CANNOT_START)

    def _report_ready(self, number: int) -> None:
        os.write(self._writing, _MESSAGE.pack(number))

    def _on_serving(self, number: int) -> None:
        if number not in self._processes:  # it was, and died
            return
        self._table.record(number, WorkerState.SERVING, len(self._deaths[number]))
        if self._starting:
            self._starting.discard(number)
            if not self._starting:
                self._on_ready()

    def _on_death(self, number: int, process: BaseProcess) -> None:
        now = monotonic()
        deaths = self._deaths[number]
        deaths.append(now)
        while deaths[0] < now - self._limit.seconds:
            deaths.popleft()
        how = _how(process.exitcode)
        if len(deaths) >= self._limit.deaths:
            self._table.record(number, WorkerState.GIVEN_UP, len(deaths))
            _log.error(
                "worker %d (process %d) %s; it died %d times within %g s and is given up",
                *(number + 1, process.pid, how, *self._limit),
            )
            pause = float("inf")
        else:
            self._table.record(number, WorkerState.DIED, len(deaths))
            doublings = len(deaths) - 2
            pause = min(_FIRST_PAUSE * 2**doublings, _LONGEST_PAUSE) if doublings >= 0 else 0.0
            _log.error(
                "worker %d (process %d) %s; restarting it in %g s",
                *(number + 1, process.pid, how, pause),
            )
            self._due[number] = now + pause
        # Requests that wait for it get another worker, if there is one. Not after its first death:
        # it is back before they notice.
        if pause and any(n != number for n in self._processes):
            self._sockets.close(number)

    def _end_all(self) -> None:
        for process in self._processes.values():
            process.terminate()
        deadline = monotonic() + _STOP_SECONDS
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
