"""What waits while the event log's disk refuses: in a spill file, or else in memory."""

from collections import deque
from collections.abc import Callable

from botify.event_log.ledger import IN_MEMORY, LOST, OLDEST, SPILLED, WRITTEN, Account
from botify.event_log.spill import Position, Spill, Waiting

LIMIT = 16 * 2**20
"""Bytes that one worker's events may take while they wait."""
_OVERHEAD = 144
"""Bytes that Python needs for a line in memory besides its text."""


class Backlog:
    """Lines in their order: first those in the spill file, then those in memory.

    A worker's death takes only those in memory along; they are there where no spill file can be
    made, or it takes no more. Keeps the account. Not thread-safe.
    """

    def __init__(
        self, account: Account, spill: Spill | None, elapsed: Callable[[], float]
    ) -> None:
        """`elapsed`: seconds since some moment, the same for all processes."""
        self._count = account.cells
        self._spill = spill
        self._elapsed = elapsed
        self._memory: deque[Waiting] = deque()
        self._memory_bytes = 0

    def __len__(self) -> int:
        return len(self._memory) + (self._spill.count if self._spill else 0)

    @property
    def place(self) -> str:
        """The path of the spill file; empty where there is none."""
        return str(self._spill.path) if self._spill and self._spill.count else ""

    def add(self, line: bytes, position: Position, must: bool = False) -> bool:
        """Let a line wait; False, and it is counted as lost, where there is no room for it.

        `position`: where the first waiting line belongs in the log. A line that `must` is one
        that a file has the beginning of.
        """
        waiting = Waiting(line, self._elapsed())
        spilled = self._spill.size if self._spill else 0
        if not must and spilled + self._memory_bytes + len(line) + _OVERHEAD > LIMIT:
            self._count[LOST] += 1
            return False
        if not len(self):
            self._count[OLDEST] = int(waiting.since * 1e9)
        # Behind those in memory, it has its place in memory.
        if not self._memory and self._spill and self._spill.add(*waiting, position):
            self._count[SPILLED] += 1
        else:
            self._memory.append(waiting)
            self._memory_bytes += len(line) + _OVERHEAD
            self._count[IN_MEMORY] += 1
        return True

    def first(self) -> bytes:
        """The line that has waited longest; there must be one. Raises OSError."""
        if self._spill and self._spill.count:
            return self._spill.first().line
        return self._memory[0].line

    def age(self) -> float:
        """Seconds for which the first line has waited; 0 where none does."""
        if not len(self):
            return 0.0
        return max(0.0, self._elapsed() - self._since())

    def written(self) -> None:
        """The first line is in the log now."""
        # In this order, a death in between has no line counted twice.
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
        """Note where the first waiting line belongs, and since when it has waited.

        Raises OSError.
        """
        if len(self):
            self._count[OLDEST] = int(self._since() * 1e9)
        if self._spill and self._spill.count:
            self._spill.mark(position)

    def settle(self, position: Position) -> None:
        """Move what is in memory to the spill file, as far as that takes it."""
        while self._memory and self._spill and self._spill.add(*self._memory[0], position):
            self._count[SPILLED] += 1
            self._memory_bytes -= len(self._memory.popleft().line) + _OVERHEAD
            self._count[IN_MEMORY] -= 1

    def close(self) -> int:
        """Leave what is in the spill file to the next one; returns what is lost with memory."""
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
