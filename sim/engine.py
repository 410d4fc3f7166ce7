"""Plays sessions in lockstep against an agent that answers in process."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterator

import numpy as np

from sim.agents.base import Agent, Answer, Ints, Turn
from sim.errors import InputError
from sim.events import Recorder
from sim.sessions import Ended, Sessions, user_rows
from sim.streams import Streams
from sim.summary import Summary
from sim.world import World


def play(
    world: World,
    agent: Agent,
    *,
    seed: int,
    episodes: range,
    batch: int = 512,
    recorder: Recorder | None = None,
    progress: Callable[[Ended], object] = lambda ended: None,
) -> Summary:
    """Play `episodes` against `agent`, up to `batch` sessions in flight.

    The outcome depends on (seed, episode) and the agent's answers alone, not
    on `batch`. `recorder` receives every event, `progress` the sessions
    that just ended. Raises InputError for an empty range and for an
    answer that is no track.
    """
    if not len(episodes):
        raise InputError("no episodes to play: ask for 1 or more")
    streams = Streams(seed)
    slots = min(batch, len(episodes))
    queue = _Queue(world, streams, episodes, agent.one_session_per_user)
    sessions = Sessions(world, slots, streams)
    summary = Summary()
    agent.begin(world, slots)

    free = np.arange(slots)
    live = np.empty(0, dtype=np.int64)
    while True:
        started = queue.take(len(free))
        if len(started):
            sessions.start(free[: len(started)], started)
            live = np.sort(np.concatenate([live, free[: len(started)]]))
            free = free[len(started) :]
        if not len(live):
            break
        turn = sessions.turn(live)
        answer = agent.recommend(turn)
        _check(answer, turn, len(world.catalog))
        if recorder is not None:
            recorder.next(turn, answer)
        sessions.listen(live, answer.tracks)

        over = sessions.budget[live] <= 0
        ended = live[over]
        if len(ended):
            turn = sessions.turn(ended)
            agent.end(turn)
            if recorder is not None:
                recorder.last(turn)
            over_now = sessions.ended(ended)
            summary = summary.add(over_now.rewards, over_now.steps)
            queue.release(turn.user_rows)
            live, free = live[~over], np.concatenate([free, ended])
            progress(over_now)
    return summary


def _check(answer: Answer, turn: Turn, n_tracks: int) -> None:
    strange = (answer.tracks < 0) | (answer.tracks >= n_tracks)
    if strange.any():
        at = int(np.flatnonzero(strange)[0])
        raise InputError(
            f"the recommender answered track {answer.tracks[at]} to user {turn.users[at]}, but "
            f"this world has tracks 0 to {n_tracks - 1}: do service and simulator read the "
            f"same catalog?"
        )


class _Queue:
    """Hands out episodes in order; where asked, only those whose user has none in flight."""

    _BLOCK = 65536

    def __init__(
        self, world: World, streams: Streams, episodes: range, one_session_per_user: bool
    ) -> None:
        self._exclusive = one_session_per_user
        self._waiting: defaultdict[int, deque[int]] = defaultdict(deque)
        self._n_waiting = 0  # bounded, so that memory is, however few the users
        self._ready: deque[int] = deque()
        self._busy: set[int] = set()
        self._source = self._pairs(world, streams, episodes)

    def _pairs(self, world: World, streams: Streams, episodes: range) -> Iterator[tuple[int, int]]:
        for start in range(0, len(episodes), self._BLOCK):
            block = np.asarray(episodes[start : start + self._BLOCK], dtype=np.int64)
            rows = user_rows(streams, len(world.users), block)
            yield from zip(block.tolist(), rows.tolist(), strict=True)

    def take(self, n: int) -> Ints:
        taken: list[int] = []
        while len(taken) < n and self._ready:
            taken.append(self._ready.popleft())
        while len(taken) < n and self._n_waiting < self._BLOCK:
            if (pair := next(self._source, None)) is None:
                break
            episode, row = pair
            if self._exclusive and row in self._busy:
                self._waiting[row].append(episode)
                self._n_waiting += 1
                continue
            if self._exclusive:
                self._busy.add(row)
            taken.append(episode)
        return np.asarray(taken, dtype=np.int64)

    def release(self, rows: Ints) -> None:
        if not self._exclusive:
            return
        for row in rows.tolist():
            if waiting := self._waiting.get(row):
                self._ready.append(waiting.popleft())
                self._n_waiting -= 1
            else:
                self._waiting.pop(row, None)
                self._busy.discard(row)
