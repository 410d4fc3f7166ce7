"""Events of visitors in the order of time: what happened, with which item, when."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from offline.errors import InputError


@dataclass(frozen=True, eq=False)
class Events:
    """Every event, repeats included, by user, then time, then place in the source.

    All arrays have shape (number of events,).

    Examples
    --------
    >>> import numpy as np
    >>> from offline.data.events import Events
    >>> times, kind = np.array([5, 0, 9]), np.zeros(3, np.int16)
    >>> found = Events.of(np.array([1, 1, 0]), np.array([7, 8, 7]), kind, times, ("view",))
    >>> found.user, found.item
    (array([0, 1, 1]), array([7, 8, 7]))
    """

    user: NDArray[np.int64]
    item: NDArray[np.int64]
    kind: NDArray[np.int16]
    """Position in `kinds`."""
    timestamp: NDArray[np.int64]
    """ms since the epoch."""
    kinds: tuple[str, ...]

    @classmethod
    def of(
        cls,
        user: NDArray[np.int64],
        item: NDArray[np.int64],
        kind: NDArray[np.int16],
        timestamp: NDArray[np.int64],
        kinds: tuple[str, ...],
    ) -> Self:
        """From events in any order; those of one user and one time keep theirs."""
        order = np.lexsort((timestamp, user))
        return cls(user[order], item[order], kind[order], timestamp[order], kinds)

    def __len__(self) -> int:
        return len(self.user)

    def where(self, mask: NDArray[np.bool_]) -> "Events":
        """Only some of them."""
        return Events(
            self.user[mask], self.item[mask], self.kind[mask], self.timestamp[mask], self.kinds
        )

    def of_kinds(self, names: tuple[str, ...]) -> NDArray[np.bool_]:
        """Which are of these kinds. Raises InputError for a kind that no event is of."""
        for name in names:
            if name not in self.kinds:
                raise InputError(f"no event is of kind {name!r}: there are {_listed(self.kinds)}")
        return np.isin(self.kind, [self.kinds.index(name) for name in names])

    def sessions(self, gap_ms: int) -> NDArray[np.int64]:
        """Number of the session of each event, from 0, rising.

        A session of a user ends where the next event comes more than `gap_ms` later.
        """
        starts = np.ones(len(self), dtype=np.int64)
        starts[1:] = (np.diff(self.user) != 0) | (np.diff(self.timestamp) > gap_ms)
        return np.cumsum(starts) - 1


EventsOf = Callable[[], Events]
"""Reads events when they are first asked for."""


def _listed(kinds: tuple[Any, ...]) -> str:
    return ", ".join(map(repr, kinds)) or "none"
