"""How each worker fares, in memory that all processes of the service share."""

import mmap
import struct
from enum import IntEnum
from time import monotonic

_SILENT = 3.0
"""Seconds without a sign of life, or with all threads busy: then a worker does not answer."""
_ONE = 64
"""Bytes of a worker; the parent writes the first half, the worker itself the second."""
_OF_PARENT = struct.Struct("=qq")
_OF_WORKER = struct.Struct("=dd")


class Fate(IntEnum):
    """What the parent process knows of a worker."""

    STARTING = 0
    SERVING = 1
    DIED = 2
    """It will be started again."""
    GIVEN_UP = 3


class Roster:
    """The service's workers, numbered from 0; made by the parent before it forks them.

    Times are those of `time.monotonic`, which processes of one machine share.
    """

    def __init__(self, workers: int) -> None:
        """All of them are starting."""
        self.workers = workers
        self._memory = mmap.mmap(-1, _ONE * workers)

    def record(self, number: int, fate: Fate, deaths: int) -> None:
        """The parent tells of a worker, and of how often it died lately."""
        if fate is Fate.SERVING:
            self.beat(number, None)
        _OF_PARENT.pack_into(self._memory, _ONE * number, fate, deaths)

    def beat(self, number: int, busy_since: float | None) -> None:
        """A worker gives a sign of life, and says since when all its threads have been busy."""
        offset = _ONE * number + _ONE // 2
        _OF_WORKER.pack_into(self._memory, offset, monotonic(), busy_since or 0.0)

    def fate(self, number: int) -> Fate:
        """What the parent said last."""
        return Fate(_OF_PARENT.unpack_from(self._memory, _ONE * number)[0])

    def deaths(self, number: int) -> int:
        """What the parent said last."""
        deaths: int = _OF_PARENT.unpack_from(self._memory, _ONE * number)[1]
        return deaths

    def serving(self) -> int:
        """Workers that answer requests."""
        return sum(not self._trouble(number) for number in range(self.workers))

    def trouble(self) -> list[str]:
        """Why some workers do not answer, one line each; empty where all do."""
        found = [self._trouble(number) for number in range(self.workers)]
        return [f"worker {number} {why}" for number, why in enumerate(found, 1) if why]

    def _trouble(self, number: int) -> str:
        fate = self.fate(number)
        if fate is Fate.STARTING:
            return "is starting"
        if fate is Fate.DIED:
            return f"died, {_times(self.deaths(number))} lately, and will be started again"
        if fate is Fate.GIVEN_UP:
            return f"was given up: it died {_times(self.deaths(number))}; restart the service"
        beat, busy_since = _OF_WORKER.unpack_from(self._memory, _ONE * number + _ONE // 2)
        now = monotonic()
        if now - beat > _SILENT:
            return f"does not answer: no sign of life for {now - beat:.0f} s"
        if busy_since and now - busy_since > _SILENT:
            return f"does not answer: all its threads have been busy for {now - busy_since:.0f} s"
        return ""


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
