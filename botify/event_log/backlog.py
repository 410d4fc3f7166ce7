"""Events that wait while the log's disk refuses writes: in a spill file, or else in memory."""

from collections import deque
from collections.abc import Callable

from botify.event_log.ledger import IN_MEMORY, LOST, OLDEST, SPILLED, WRITTEN, Account
from botify.event_log.spill import Position, Spill, Waiting

MAX_BACKLOG_BYTES = 16 * 2**20
"""Bytes that one worker's events may take while they wait."""
_OVERHEAD = 144
"""Bytes that Python needs for a line in memory besides its text."""


class Backlog:
    """Lines in order: first those in the spill file, then those in memory.

    Only the latter are lost if the worker dies; they are in memory if no spill file can be made,
    or it has no room. Counts all of them in the account. Not thread-safe.
    """

    def __init__(
        self, account: Account, spill: Spill | None, elapsed: Callable[[], float]
    ) -> None:
        """`elapsed`: seconds of a clock that all processes share."""
        self._count = account.cells
        self._spill = spill
        self._elapsed = elapsed
        self._memory: deque[Waiting] = deque()
        self._memory_bytes = 0

    def __len__(self) -> int:
        return len(self._memory) + (self._spill.count if self._spill else 0)

    @property
    def place(self) -> str:
        """The path of the spill file; empty if there is none."""
        return str(self._spill.path) if self._spill and self._spill.count else ""

    def add(self, line: bytes, position: Position, must: bool = False) -> bool:
        """Add a line. If there is no room for it, it is counted as lost, and this returns False.

        `position`: where the first waiting line belongs in the log. `must`: add it in any case,
        because a file has its beginning.
        """
        waiting = Waiting(line, self._elapsed())
        spilled = self._spill.size if self._spill else 0
        if not must and spilled + self._memory_bytes + len(line) + _OVERHEAD > MAX_BACKLOG_BYTES:
            self._count[LOST] += 1
            return False
        if not len(self):
            self._count[OLDEST] = int(waiting.since * 1e9)
        # Lines are in order: after one in memory, the next is in memory as well.
        if not self._memory and self._spill and self._spill.add(*waiting, position):
            self._count[SPILLED] += 1
        else:
            self._memory.append(waiting)
            self._memory_bytes += len(line) + _OVERHEAD
            self._count[IN_MEMORY] += 1
        return True

    def first(self) -> bytes:
        """The oldest line; there must be one. Raises OSError."""
        if self._spill and self._spill.count:
            return self._spill.first().line
        return self._memory[0].line

    def age(self) -> float:
        """Age of the oldest line in seconds; 0 if there is none."""
        if not len(self):
            return 0.0
        return max(0.0, self._elapsed() - self._since())

    def written(self) -> None:
        """The first line is in the log: remove it."""
        # In this order, no line is counted twice if the process dies in between.
        if self._spill and self._spill.count:
            self._spill.drop()
            self._count[SPILLED] -= 1
        else:
            self._memory_bytes -= len(self._memory.popleft().line) + _OVERHEAD
            self._count[IN_MEMORY] -= 1
        self._count[WRITTEN] += 1
        if not len(self):
            self._count[OLDEST] = 0

    def mark(self, position: Position) -> None:
        """Record where the first waiting line belongs, and since when it has waited.

        Raises OSError.
        """
        if len(self):
            self._count[OLDEST] = int(self._since() * 1e9)
        if self._spill and self._spill.count:
            self._spill.mark(position)

    def move_to_spill(self, position: Position) -> None:
        """Move lines from memory to the spill file while it has room."""
        while self._memory and self._spill and self._spill.add(*self._memory[0], position):
            self._count[SPILLED] += 1
            self._memory_bytes -= len(self._memory.popleft().line) + _OVERHEAD
            self._count[IN_MEMORY] -= 1

    def close(self) -> int:
        """Keep the spill file for the next process; returns how many lines in memory are lost."""
        if self._spill:
            self._spill.close()
        lost = len(self._memory)
        self._count[LOST] += lost
        self._count[IN_MEMORY] = 0
        self._memory.clear()
        self._memory_bytes = 0
        return lost

    def _since(self) -> float:
        if self._spill and self._spill.count:
            return self._spill.first().since
        return self._memory[0].since
