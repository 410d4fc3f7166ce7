"""Which session starts next: the protocol has users, so a user has one session in flight."""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np

from sim.arrays import Ints
from sim.engine.sessions import user_rows
from sim.rng import Streams


class UserQueue:
    """Hands out episodes whose user has none in flight, per user in the order given.

    Once `max_waiting` episodes wait for their users, no more are read from
    `episodes`: memory use does not grow with the number of episodes.
    """

    _BLOCK = 4096

    def __init__(
        self,
        episodes: Iterable[int],
        n_users: int,
        streams: Streams,
        max_waiting: int = 65536,
    ) -> None:
        self._source = self._with_rows(episodes, n_users, streams)
        self._max_waiting = max_waiting
        self._n_waiting = 0
        self._waiting: defaultdict[int, deque[int]] = defaultdict(deque)
        self._ready: deque[int] = deque()
        self._busy: set[int] = set()

    def take(self, n: int) -> list[int]:
        """Up to `n` episodes to start now; their users are busy until released."""
        taken: list[int] = []
        while len(taken) < n and self._ready:
            taken.append(self._ready.popleft())
        while len(taken) < n and self._n_waiting < self._max_waiting:
            if (pair := next(self._source, None)) is None:
                break
            episode, row = pair
            if row in self._busy:
                self._waiting[row].append(episode)
                self._n_waiting += 1
            else:
                self._busy.add(row)
                taken.append(episode)
        return taken

    def release(self, rows: Ints) -> None:
        """The sessions of these user rows are over."""
        for row in rows.tolist():
            if waiting := self._waiting.get(row):
                self._ready.append(waiting.popleft())
                self._n_waiting -= 1
            else:
                self._waiting.pop(row, None)
                self._busy.discard(row)

    def _with_rows(
        self, episodes: Iterable[int], n_users: int, streams: Streams
    ) -> Iterator[tuple[int, int]]:
        rest = iter(episodes)
        while block := list(islice(rest, self._BLOCK)):
            rows = user_rows(streams, n_users, np.asarray(block, dtype=np.int64))
            yield from zip(block, rows.tolist(), strict=True)
