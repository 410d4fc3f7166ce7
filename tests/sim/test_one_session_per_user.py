"""The service knows users, not sessions: two sessions of one user are never in flight together."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from sim.engine import _Queue, play
from sim.events import Events, Recorder, concatenate
from sim.streams import Streams
from sim.world import World

MakeWorld = Callable[..., World]
Agents = Callable[..., Any]


@pytest.mark.parametrize("n_users", [1, 3, 20])
def test_a_user_is_in_one_slot_at_a_time_and_plays_in_episode_order(
    make_world: MakeWorld, by_formula: Agents, n_users: int
) -> None:
    agent = by_formula(one_session_per_user=True)
    play(make_world(n_users=n_users), agent, seed=4, episodes=range(400), batch=16)
    order: defaultdict[int, list[int]] = defaultdict(list)
    for turn in agent.turns:
        assert len(set(turn.users.tolist())) == len(turn.users)
        for user, episode in zip(turn.users.tolist(), turn.episodes.tolist(), strict=True):
            if not order[user] or order[user][-1] != episode:
                order[user].append(episode)
    assert sorted(episode for mine in order.values() for episode in mine) == list(range(400))
    assert all(mine == sorted(mine) for mine in order.values())


def test_slots_are_put_to_use_where_there_are_enough_users(
    make_world: MakeWorld, by_formula: Agents
) -> None:
    agent = by_formula(one_session_per_user=True)
    play(make_world(n_users=200), agent, seed=4, episodes=range(2_000), batch=16)
    in_flight = [len(turn.users) for turn in agent.turns]
    assert np.mean(in_flight[:-50]) > 15


@pytest.mark.parametrize("exclusive", [False, True])
def test_the_outcome_is_that_of_one_session_at_a_time(
    make_world: MakeWorld, by_formula: Agents, exclusive: bool
) -> None:
    world = make_world(n_users=5)

    def played(batch: int) -> Events:
        parts: list[Events] = []
        recorder = Recorder(parts.append)
        agent = by_formula(one_session_per_user=exclusive)
        play(world, agent, seed=4, episodes=range(120), batch=batch, recorder=recorder)
        recorder.flush()
        return concatenate(parts)

    one, many = played(1), played(32)
    for name in Events._fields:
        np.testing.assert_array_equal(getattr(one, name), getattr(many, name))


def test_every_session_is_ended_once(make_world: MakeWorld, by_formula: Agents) -> None:
    agent = by_formula(one_session_per_user=True)
    play(make_world(n_users=5), agent, seed=4, episodes=range(100), batch=16)
    ended = [episode for turn in agent.ends for episode in turn.episodes.tolist()]
    assert sorted(ended) == list(range(100))


def test_few_users_do_not_make_the_queue_read_all_episodes_ahead(make_world: MakeWorld) -> None:
    read = 0

    class Episodes(_Queue):
        _BLOCK = 100

        def _pairs(self, *args: Any) -> Any:
            nonlocal read
            for pair in super()._pairs(*args):
                read += 1
                yield pair

    world = make_world(n_users=1)
    queue = Episodes(world, Streams(4), range(10_000), one_session_per_user=True)
    taken = []
    for _ in range(1_000):
        (episode,) = queue.take(16).tolist()
        taken.append(episode)
        queue.release(np.array([0]))
        assert read <= len(taken) + 101
    assert taken == list(range(1_000))
