"""A simulated clock: the times of the events of sessions played in process."""

import numpy as np

from sim.arrays import Floats, Ints
from sim.engine.events import Events
from sim.jit import compiled

# A track of average length, played in full.
_TRACK_MS = 210_000
_PAUSE_MS = 1_000
_DAY_MS = 86_400_000


class Clock:
    """Gives every event a time in ms since the epoch, UTC.

    Session e of n starts at `start + e / n * days`, or when the user's previous
    session is over, if that is later: sessions of one user never overlap, even
    if that takes them past the last day. A play lasts its share of a 210 s
    track, and a pause of one second. Memory use is one number per user.
    """

    def __init__(self, start_ms: int, days: float, n_episodes: int, user_ids: Ints) -> None:
        self._start = start_ms
        self._gap = days * _DAY_MS / n_episodes
        self._ids = np.sort(user_ids)
        self._free = np.zeros(len(user_ids), dtype=np.int64)

    def stamp(self, events: Events) -> Ints:
        """Times of the events in ms since the epoch, shape (n,).

        Call with whole sessions in episode order: then the times do not depend
        on how the events are split over calls. Raises ValueError for a user
        that is not one of `user_ids`.
        """
        return _stamp(
            events.episodes,
            events.users,
            events.times,
            self._start,
            self._gap,
            self._ids,
            self._free,
        )


@compiled
def _stamp(
    episodes: Ints, users: Ints, times: Floats, start: int, gap: float, ids: Ints, free: Ints
) -> Ints:
    """Each event moves `free[r]`, the earliest start of the next session of user ids[r]."""
    stamps = np.empty_like(episodes)
    row, now = 0, 0
    for i in range(len(episodes)):
        if i == 0 or episodes[i] != episodes[i - 1]:
            row = np.searchsorted(ids, users[i])
            if row == len(ids) or ids[row] != users[i]:
                raise ValueError("an event of a user who is not one of user_ids")
            now = max(start + int(episodes[i] * gap), free[row])
        now += int(times[i] * _TRACK_MS) + _PAUSE_MS
        stamps[i] = now
        free[row] = now + _PAUSE_MS
    return stamps
