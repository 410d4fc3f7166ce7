"""The state of each worker, in memory that all processes of the service share."""

import mmap
import struct
from enum import IntEnum
from time import monotonic

_MAX_SILENCE = 3.0
"""Seconds without a heartbeat, or with all threads busy, after which a worker counts as hung."""
_RECORD_BYTES = 64
"""Bytes per worker; the parent writes the first half, the worker the second."""
_PARENT_RECORD = struct.Struct("=qq")
_WORKER_RECORD = struct.Struct("=dd")


class WorkerState(IntEnum):
    """The state of a worker process, set by the parent."""

    STARTING = 0
    SERVING = 1
    DIED = 2
    """It will be restarted."""
    GIVEN_UP = 3


class WorkerTable:
    """The service's workers, numbered from 0; made by the parent before it forks them.

    Times are those of `time.monotonic`, which processes of one machine share.
    """

    def __init__(self, workers: int) -> None:
        """All of them are starting."""
        self.workers = workers
        self._memory = mmap.mmap(-1, _RECORD_BYTES * workers)

    def record(self, number: int, state: WorkerState, deaths: int) -> None:
        """In the parent: the worker's state, and its recent number of deaths."""
        if state is WorkerState.SERVING:
            self.beat(number, None)
        _PARENT_RECORD.pack_into(self._memory, _RECORD_BYTES * number, state, deaths)

    def beat(self, number: int, busy_since: float | None) -> None:
        """In the worker: a heartbeat, and since when all its threads have been busy."""
        offset = _RECORD_BYTES * number + _RECORD_BYTES // 2
        _WORKER_RECORD.pack_into(self._memory, offset, monotonic(), busy_since or 0.0)

    def state(self, number: int) -> WorkerState:
        """As last recorded."""
        return WorkerState(_PARENT_RECORD.unpack_from(self._memory, _RECORD_BYTES * number)[0])

    def deaths(self, number: int) -> int:
        """As last recorded."""
        deaths: int = _PARENT_RECORD.unpack_from(self._memory, _RECORD_BYTES * number)[1]
        return deaths

    def serving(self) -> int:
        """Number of workers that answer requests."""
        return sum(not self._problem(number) for number in range(self.workers))

    def problems(self) -> list[str]:
        """Why some workers do not answer, one line each; empty if all do."""
        found = [self._problem(number) for number in range(self.workers)]
        return [f"worker {number} {why}" for number, why in enumerate(found, 1) if why]

    def _problem(self, number: int) -> str:
        state = self.state(number)
        if state is WorkerState.STARTING:
            return "is starting"
        if state is WorkerState.DIED:
            return f"died, {_times(self.deaths(number))} recently, and will be restarted"
        if state is WorkerState.GIVEN_UP:
            return f"was given up: it died {_times(self.deaths(number))}; restart the service"
        beat, busy_since = _WORKER_RECORD.unpack_from(
            self._memory, _RECORD_BYTES * number + _RECORD_BYTES // 2
        )
        now = monotonic()
        if now - beat > _MAX_SILENCE:
            return f"does not answer: no heartbeat for {now - beat:.0f} s"
        if busy_since and now - busy_since > _MAX_SILENCE:
            return f"does not answer: all its threads have been busy for {now - busy_since:.0f} s"
        return ""


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
