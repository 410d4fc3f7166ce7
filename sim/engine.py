"""The session engine: many sessions in lockstep over arrays; one session is a batch of one."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterator

import numpy as np

from sim.agents.base import Agent, Answer, Floats, Ints, Turn
from sim.errors import InputError
from sim.events import Recorder
from sim.listener import affinities, listening_time
from sim.streams import LISTENER, Streams, pick
from sim.summary import Summary
from sim.world import World

# Draws of a session's listener stream: who and what, where from, then one per step.
_WHO, _WHERE, _FIRST_STEP = 0, 1, 2


class Sessions:
    """State of the sessions in flight, one slot each."""

    def __init__(self, world: World, slots: int, streams: Streams) -> None:
        self._world = world
        self._streams = streams
        n_tracks = len(world.catalog)
        self.episode = np.full(slots, -1, dtype=np.int64)
        self.steps = np.zeros(slots, dtype=np.int64)
        self.user_row = np.zeros(slots, dtype=np.int64)
        self.taste = np.zeros(slots, dtype=np.int64)
        self.track = np.zeros(slots, dtype=np.int64)
        self.time = np.ones(slots)
        self.budget = np.zeros(slots, dtype=np.int64)
        self.reward = np.zeros(slots)
        self.heard = np.zeros((slots, n_tracks), dtype=np.bool_)
        self.artist_plays = np.zeros((slots, len(world.catalog.artists)), dtype=np.int32)

    def start(self, slots: Ints, episodes: Ints) -> None:
        """Put a new session in each of the slots."""
        users, (bounds, first_tracks) = self._world.users, self._world.first_tracks
        who, second = self._streams.uniforms(LISTENER, episodes, _WHO)
        rows = pick(who, len(users))
        third, _ = self._streams.uniforms(LISTENER, episodes, _WHERE)
        low, high = users.bounds[rows], users.bounds[rows + 1]
        taste = users.interests[low + pick(second, high - low)]
        near = np.minimum(users.interest_neighbours[rows], len(self._world.catalog))
        first = first_tracks[
            bounds[np.searchsorted(self._world.tastes, taste)] + pick(third, near)
        ]
        self.heard[slots] = False
        self.artist_plays[slots] = 0
        self.episode[slots], self.user_row[slots] = episodes, rows
        self.taste[slots], self.budget[slots] = taste, users.session_budget[rows]
        self.steps[slots], self.reward[slots] = 0, 0.0
        self._play(slots, first, np.ones(len(slots)))

    def listen(self, slots: Ints, tracks: Ints) -> None:
        """Each session plays the track it was given, and may lose patience."""
        world, rows = self._world, self.user_row[slots]
        users = world.users
        plays = self.artist_plays[slots, world.catalog.artist_of[tracks]]
        times = listening_time(
            affinities(world.embeddings, tracks, self.taste[slots]),
            users.consume_bias[rows],
            users.consume_sharpness[rows],
            users.artist_discount_gamma[rows] ** plays,
            self.heard[slots, tracks],
        )
        patience, _ = self._streams.uniforms(
            LISTENER, self.episode[slots], _FIRST_STEP + self.steps[slots]
        )
        # Bored with probability 1 - time: never by a full play, always by none.
        self.budget[slots] -= patience >= times
        self.steps[slots] += 1
        self.reward[slots] += times
        self._play(slots, tracks, times)

    def _play(self, slots: Ints, tracks: Ints, times: Floats) -> None:
        self.track[slots], self.time[slots] = tracks, times
        self.heard[slots, tracks] = True
        self.artist_plays[slots, self._world.catalog.artist_of[tracks]] += 1

    def turn(self, slots: Ints) -> Turn:
        rows = self.user_row[slots]
        return Turn(
            slots,
            self.episode[slots],
            self.steps[slots],
            rows,
            self._world.users.ids[rows],
            self.track[slots],
            self.time[slots],
            self.taste[slots],
            self.heard,
            self.artist_plays,
        )


def user_rows(streams: Streams, n_users: int, episodes: Ints) -> Ints:
    """The user of each episode: the first draw of its stream."""
    first, _ = streams.uniforms(LISTENER, episodes, _WHO)
    return pick(first, n_users)


def play(
    world: World,
    agent: Agent,
    *,
    seed: int,
    episodes: range,
    batch: int = 512,
    recorder: Recorder | None = None,
    progress: Callable[[int], object] = lambda finished: None,
) -> Summary:
    """Play `episodes` against `agent`, up to `batch` sessions in flight.

    The outcome depends on (seed, episode) and the agent's answers alone, not
    on `batch`. `recorder` receives every event, `progress` the number of
    sessions that just ended. Raises InputError for an empty range and for an
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
            summary = summary.add(sessions.reward[ended], sessions.steps[ended])
            queue.release(turn.user_rows)
            live, free = live[~over], np.concatenate([free, ended])
            progress(len(ended))
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
