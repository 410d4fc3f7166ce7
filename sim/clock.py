"""A simulated clock: when the events of in-process sessions would have happened."""

import numpy as np

from sim.agents.base import Ints
from sim.events import Events

# A track of average length, played in full.
_TRACK_MS = 210_000
_PAUSE_MS = 1_000
_DAY_MS = 86_400_000


class Clock:
    """Gives every event a time in ms since the epoch, UTC.

    Session e of n starts at `start + e / n * days`, or once the user's
    previous session is over: one user's sessions never overlap. A play lasts
    its share of a 210 s track and a one-second pause. Memory is one number a user.
    """

    def __init__(self, start_ms: int, days: float, n_episodes: int, user_ids: Ints) -> None:
        self._start = start_ms
        self._gap = days * _DAY_MS / n_episodes
        self._order = np.argsort(user_ids)
        self._ids = user_ids[self._order]
        self._free = np.zeros(len(user_ids), dtype=np.int64)

    def stamp(self, events: Events) -> Ints:
        """Times of the events; call with the sessions in episode order."""
        played = (events.times * _TRACK_MS).astype(np.int64) + _PAUSE_MS
        heads = np.flatnonzero(np.diff(events.episodes, prepend=-1))
        lengths = np.diff(heads, append=len(played))
        elapsed = np.cumsum(played)
        before = elapsed[heads] - played[heads]
        since_start = elapsed - np.repeat(before, lengths)

        due = self._start + (events.episodes[heads] * self._gap).astype(np.int64)
        spans = since_start[heads + lengths - 1]
        rows = np.searchsorted(self._ids, events.users[heads])
        starts = np.empty(len(heads), dtype=np.int64)
        for i, (row, at, span) in enumerate(
            zip(rows.tolist(), due.tolist(), spans.tolist(), strict=True)
        ):
            starts[i] = max(at, self._free[row])
            self._free[row] = starts[i] + span + _PAUSE_MS
        return np.asarray(np.repeat(starts, lengths) + since_start)
