"""The sessions of a run: who is in which slot, and what is said next."""

from collections.abc import Callable, Iterable
from enum import Enum

import numpy as np

from sim.agent import Ints
from sim.engine.sessions import Ended, Sessions
from sim.engine.summary import Summary
from sim.errors import InputError
from sim.remote.http_pool import Exchanges
from sim.remote.responses import fields_of, track_of
from sim.remote.service import ServiceOptions
from sim.remote.user_queue import Queue
from sim.rng import Streams
from sim.world import World


class _Said(Enum):
    """What a session told the service about its last play."""

    NEXT = "next"
    LAST = "last"
    # The `last` of a session that failed, so that the user's next one does not
    # merge with it in the log. Sent once; what comes of it changes nothing.
    FAREWELL = "farewell"


class Run:
    """Every slot is free, or waits for what comes of its session's message.

    `summary`, `failed` and `unclosed` are those of `Driven`, so far.
    """

    def __init__(
        self,
        world: World,
        service: ServiceOptions,
        exchanges: Exchanges,
        seed: int,
        episodes: Iterable[int],
        progress: Callable[[Ended], object],
    ) -> None:
        streams = Streams(seed)
        self.summary = Summary()
        self.failed = self.unclosed = 0
        self._url = service.url
        self._user_ids = world.users.ids
        self._n_tracks = len(world.catalog)
        self._exchanges = exchanges
        self._sessions = Sessions(world, service.connections, streams)
        self._queue = Queue(episodes, len(world.users), streams)
        self._progress = progress
        self._free = list(range(service.connections))
        self._said: dict[int, tuple[_Said, str]] = {}  # and to which path

    def play(self) -> str | None:
        """Until all is played, or the service is gone: returns why then.

        Raises InputError if it is gone before a session was finished.
        """
        while True:
            self._start()
            if not self._said:
                return None
            self._take_turns()
            if gone := self._exchanges.health.gone:
                self.failed += sum(said is not _Said.FAREWELL for said, _ in self._said.values())
                if not self.summary.sessions:
                    raise InputError(gone)
                return gone

    def _start(self) -> None:
        """A new session for every free slot, as far as users are free."""
        if self._free and (episodes := self._queue.take(len(self._free))):
            slots = _ints([self._free.pop() for _ in episodes])
            self._sessions.start(slots, _ints(episodes))
            self._go_on(slots)

    def _take_turns(self) -> None:
        """Wait for answers; all that have come are listened to together."""
        heard: list[int] = []
        tracks: list[int] = []
        over: list[int] = []
        released: list[int] = []
        for slot, body in self._exchanges.wait():
            said, path = self._said.pop(slot)
            if said is _Said.FAREWELL:
                released.append(slot)
            elif said is _Said.LAST:
                over.append(slot)
                if body is None:  # not again: the service may have it in the log already
                    self.unclosed += 1
                else:
                    fields_of(body, self._url + path)
            elif body is None:
                self.failed += 1
                self._tell(_ints([slot]), [_Said.FAREWELL])
            else:
                heard.append(slot)
                tracks.append(track_of(body, self._url + path, self._n_tracks))
        if over:
            self._finish(_ints(over))
        if heard:
            slots = _ints(heard)
            self._sessions.listen(slots, _ints(tracks))
            self._go_on(slots)
        if released:
            self._release(_ints(released))

    def _go_on(self, slots: Ints) -> None:
        over = (self._sessions.budget[slots] <= 0).tolist()
        self._tell(slots, [_Said.LAST if end else _Said.NEXT for end in over])

    def _tell(self, slots: Ints, messages: list[_Said]) -> None:
        sessions = self._sessions
        users = self._user_ids[sessions.user_row[slots]].tolist()
        tracks, times = sessions.track[slots].tolist(), sessions.time[slots].tolist()
        for slot, said, user, track, time in zip(
            slots.tolist(), messages, users, tracks, times, strict=True
        ):
            path = f"/next/{user}" if said is _Said.NEXT else f"/last/{user}"
            body = f'{{"track":{track},"time":{time!r}}}'
            self._said[slot] = said, path
            self._exchanges.ask(slot, path, body, once=said is _Said.FAREWELL)

    def _finish(self, slots: Ints) -> None:
        ended = self._sessions.ended(slots)
        self.summary = self.summary.add(ended.rewards, ended.steps)
        self._release(slots)
        self._progress(ended)

    def _release(self, slots: Ints) -> None:
        self._queue.release(self._sessions.user_row[slots])
        self._free += slots.tolist()


def _ints(values: list[int]) -> Ints:
    return np.asarray(values, dtype=np.int64)
