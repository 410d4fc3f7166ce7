"""The service knows users, not sessions: two sessions of one user are never in flight together."""

from collections import defaultdict
from itertools import count

import numpy as np
import pytest

from sim.engine.sessions import user_rows
from sim.remote.user_queue import UserQueue
from sim.rng import Streams

STREAMS = Streams(4)


def row_of(episodes: list[int], n_users: int) -> list[int]:
    return user_rows(STREAMS, n_users, np.asarray(episodes, dtype=np.int64)).tolist()


@pytest.mark.parametrize("n_users", [1, 3, 20, 1_000])
def test_every_episode_is_played_once_per_user_in_order_and_one_at_a_time(n_users: int) -> None:
    rng = np.random.default_rng(1)
    queue = UserQueue(range(400), n_users, STREAMS, max_waiting=50)
    in_flight: dict[int, int] = {}
    order = defaultdict(list)
    while taken := queue.take(16 - len(in_flight)) or in_flight:
        for episode in taken if isinstance(taken, list) else []:
            (row,) = row_of([episode], n_users)
            assert row not in in_flight
            in_flight[row] = episode
            order[row].append(episode)
        row = int(rng.choice(list(in_flight)))
        del in_flight[row]
        queue.release(np.array([row]))
    assert sorted(episode for mine in order.values() for episode in mine) == list(range(400))
    assert all(mine == sorted(mine) for mine in order.values())


def test_others_go_ahead_of_a_session_whose_user_is_busy() -> None:
    rows = row_of(list(range(200)), 50)
    queue = UserQueue(range(200), 50, STREAMS)
    assert len(queue.take(30)) == 30
    assert len(set(rows[:30])) < 30  # the first thirty would have met


def test_memory_is_flat_however_few_the_users_and_many_the_episodes() -> None:
    read = 0

    def endless() -> "count[int]":
        nonlocal read
        for episode in count():
            read += 1
            yield episode

    queue = UserQueue(endless(), 1, STREAMS, max_waiting=100)
    taken = []
    for _ in range(10_000):
        (episode,) = queue.take(16)
        taken.append(episode)
        queue.release(np.array([0]))
        assert read <= len(taken) + 100 + 4_096
    assert taken == list(range(10_000))
