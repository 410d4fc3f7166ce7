"""The sessions of a run: which session is in which slot, and what to send next."""

from collections.abc import Callable, Iterable
from enum import Enum

import numpy as np

from sim.arrays import Ints
from sim.engine.sessions import EndedSessions, Sessions
from sim.engine.summary import Summary
from sim.errors import InputError
from sim.remote.http_pool import HttpPool
from sim.remote.responses import fields_of, track_of
from sim.remote.service_options import ServiceOptions
from sim.remote.user_queue import UserQueue
from sim.rng import Streams
from sim.world import World


class _Message(Enum):
    """What a session sent about its last play."""

    NEXT = "next"
    LAST = "last"
    # The `last` of a session that failed, so that the user's next session does not
    # merge with it in the log. Sent once; its result changes nothing.
    ABANDON = "abandon"


class SessionLoop:
    """Every slot is free, or waits for the result of its session's message.

    `summary`, `failed` and `unclosed` are those of `DriveResult`, so far.
    """

    def __init__(
        self,
        world: World,
        service: ServiceOptions,
        pool: HttpPool,
        seed: int,
        episodes: Iterable[int],
        progress: Callable[[EndedSessions], object],
    ) -> None:
        streams = Streams(seed)
        self.summary = Summary()
        self.failed = self.unclosed = 0
        self._url = service.url
        self._user_ids = world.users.ids
        self._n_tracks = len(world.catalog)
        self._pool = pool
        self._sessions = Sessions(world, service.connections, streams)
        self._queue = UserQueue(episodes, len(world.users), streams)
        self._progress = progress
        self._free = list(range(service.connections))
        self._sent: dict[int, tuple[_Message, str]] = {}  # and its path

    def play(self) -> str | None:
        """Play until all sessions are over or the service is gone; returns why it is gone.

        Raises InputError if it is gone before a session was finished.
        """
        while True:
            self._start()
            if not self._sent:
                return None
            self._take_turns()
            if gone := self._pool.limits.exceeded:
                self.failed += sum(sent is not _Message.ABANDON for sent, _ in self._sent.values())
                if not self.summary.sessions:
                    raise InputError(gone)
                return gone

    def _start(self) -> None:
        """Start a session in every free slot, as far as there are users without one."""
        if self._free and (episodes := self._queue.take(len(self._free))):
            slots = _ints([self._free.pop() for _ in episodes])
            self._sessions.start(slots, _ints(episodes))
            self._send_plays(slots)

    def _take_turns(self) -> None:
        """Wait for answers; all listeners who got one play their tracks together."""
        answered: list[int] = []
        tracks: list[int] = []
        over: list[int] = []
        released: list[int] = []
        for slot, body in self._pool.wait():
            message, path = self._sent.pop(slot)
            if message is _Message.ABANDON:
                released.append(slot)
            elif message is _Message.LAST:
                over.append(slot)
                if body is None:  # not sent again: the service may have logged it already
                    self.unclosed += 1
                else:
                    fields_of(body, self._url + path)
            elif body is None:
                self.failed += 1
                self._send(_ints([slot]), [_Message.ABANDON])
            else:
                answered.append(slot)
                tracks.append(track_of(body, self._url + path, self._n_tracks))
        if over:
            self._finish(_ints(over))
        if answered:
            slots = _ints(answered)
            self._sessions.listen(slots, _ints(tracks))
            self._send_plays(slots)
        if released:
            self._release(_ints(released))

    def _send_plays(self, slots: Ints) -> None:
        over = (self._sessions.budget[slots] <= 0).tolist()
        self._send(slots, [_Message.LAST if end else _Message.NEXT for end in over])

    def _send(self, slots: Ints, messages: list[_Message]) -> None:
        sessions = self._sessions
        users = self._user_ids[sessions.user_row[slots]].tolist()
        tracks, times = sessions.track[slots].tolist(), sessions.time[slots].tolist()
        for slot, message, user, track, time in zip(
            slots.tolist(), messages, users, tracks, times, strict=True
        ):
            path = f"/next/{user}" if message is _Message.NEXT else f"/last/{user}"
            body = f'{{"track":{track},"time":{time!r}}}'
            self._sent[slot] = message, path
            self._pool.ask(slot, path, body, once=message is _Message.ABANDON)

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
