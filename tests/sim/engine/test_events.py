"""What is recorded of a run: whole sessions, in order, the same however they were played."""

from collections.abc import Callable
from itertools import groupby

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim.agent import Agent
from sim.agents.policies import Policy
from sim.engine.events import Events, Recorder
from sim.engine.parallel import play_blocks
from sim.engine.play import play
from sim.engine.sessions import EndedSessions
from sim.engine.summary import Summary
from sim.errors import InputError
from sim.rng import Streams
from sim.world import World

MakeWorld = Callable[..., World]


def record(world: World, agent: Agent, episodes: range, batch: int = 64) -> tuple[Summary, Events]:
    recorder = Recorder()
    summary = play(world, agent, seed=3, episodes=episodes, batch=batch, recorder=recorder)
    return summary, recorder.events()


def assert_same(one: Events, other: Events) -> None:
    for name in Events._fields:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_events_do_not_depend_on_the_batch_size(make_world: MakeWorld) -> None:
    world = make_world()
    one, *others = (
        record(world, Policy("random_unseen", Streams(3)), range(700), b) for b in (1, 7, 512)
    )
    for summary, events in others:
        assert summary == one[0]
        assert_same(events, one[1])


def blocks(
    world: World, agent: Agent, n: int, processes: int
) -> tuple[list[EndedSessions], list[Events]]:
    played = list(
        play_blocks(
            world,
            agent,
            seed=3,
            episodes=range(n),
            processes=processes,
            batch=32,
            block=70,
            record=True,
        )
    )
    return [some.ended for some in played], [some.events for some in played if some.events]


def joined(parts: list[Events]) -> Events:
    return Events(*(np.concatenate(column) for column in zip(*parts, strict=True)))


@pytest.mark.integration
def test_events_do_not_depend_on_the_number_of_processes(
    make_world: MakeWorld,
) -> None:
    world = make_world()
    _, whole = record(world, Policy("sticky_artist_unseen", Streams(3)), range(500))
    for processes in (1, 2, 3):
        ended, events = blocks(world, Policy("sticky_artist_unseen", Streams(3)), 500, processes)
        assert len(ended) == len(events) == 8
        assert np.concatenate([some.episodes for some in ended]).tolist() == list(range(500))
        assert_same(joined(events), whole)
        rewards = np.concatenate([some.rewards for some in ended])
        heard = np.bincount(whole.episodes, weights=whole.times) - 1.0
        assert rewards == pytest.approx(heard)


@pytest.mark.integration
def test_what_goes_wrong_in_a_process_is_raised_here(make_world: MakeWorld) -> None:
    other = make_world(n_users=3, n_tracks=8)
    lists = np.full((3, 2), 9, dtype=np.int32)  # this world has no track 9
    with pytest.raises(InputError, match="answered track 9"):
        blocks(other, Policy("indexed", Streams(1), lists, lists[0]), 10, 2)


def test_another_seed_gives_other_sessions(make_world: MakeWorld) -> None:
    world = make_world()
    a, b = (
        play(world, Policy("random_unseen", Streams(1)), seed=seed, episodes=range(200), batch=64)
        for seed in (1, 2)
    )
    assert a != b


@settings(
    derandomize=True,
    deadline=None,
    max_examples=25,
    # make_world keeps nothing from one example to the next.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(seed=st.integers(0, 2**64 - 1), batch=st.integers(1, 40), first=st.integers(0, 10**12))
def test_rows_are_plays_and_sessions_come_whole_and_in_order(
    make_world: MakeWorld, seed: int, batch: int, first: int
) -> None:
    world = make_world(seed=seed % 7)
    recorder = Recorder()
    episodes = range(first, first + 60)
    summary = play(
        world,
        Policy("random_unseen", Streams(seed)),
        seed=seed,
        episodes=episodes,
        batch=batch,
        recorder=recorder,
    )
    events = recorder.events()
    assert len(events.episodes) == summary.steps + summary.sessions
    assert ((events.times >= 0.0) & (events.times <= 1.0)).all()
    sessions = [
        list(rows)
        for _, rows in groupby(range(len(events.episodes)), key=events.episodes.__getitem__)
    ]
    assert [int(events.episodes[places[0]]) for places in sessions] == list(episodes)
    for places in sessions:
        assert events.steps[places].tolist() == list(range(len(places)))
        assert events.times[places[0]] == 1.0
        assert events.is_last[places].tolist() == [False] * (len(places) - 1) + [True]
        # What was recommended is what was played next.
        assert events.recommendations[places[:-1]].tolist() == events.tracks[places[1:]].tolist()
        assert len(set(events.users[places].tolist())) == 1
        # A track that comes again is not heard again.
        tracks, times = events.tracks[places].tolist(), events.times[places].tolist()
        assert all(times[i] == 0.0 for i in range(len(tracks)) if tracks[i] in tracks[:i])


def test_episodes_far_apart_take_no_more_room_than_others(make_world: MakeWorld) -> None:
    world, far = make_world(), np.array([2, 5, 10**15, 10**15 + 1])
    recorder = Recorder()
    play(
        world,
        Policy("random_unseen", Streams(3)),
        seed=3,
        episodes=far,
        batch=2,
        recorder=recorder,
    )
    events = recorder.events()
    for episode in far:
        alone = Recorder()
        some = np.array([episode])
        play(world, Policy("random_unseen", Streams(3)), seed=3, episodes=some, recorder=alone)
        mine = events.episodes == episode
        assert_same(alone.events(), Events(*(column[mine] for column in events)))
    assert (np.diff(events.episodes) >= 0).all()


def test_a_run_may_play_any_episodes(make_world: MakeWorld) -> None:
    world = make_world()
    _, every = record(world, Policy("random_unseen", Streams(3)), range(60))
    some = np.array([3, 17, 18, 44])
    recorder = Recorder()
    play(
        world,
        Policy("random_unseen", Streams(3)),
        seed=3,
        episodes=some,
        batch=2,
        recorder=recorder,
    )
    mine = np.isin(every.episodes, some)
    assert_same(recorder.events(), Events(*(column[mine] for column in every)))


def test_no_episodes_are_refused(make_world: MakeWorld) -> None:
    with pytest.raises(InputError, match="no episodes to play"):
        play(make_world(), Policy("random_unseen", Streams(1)), seed=1, episodes=range(0))
    with pytest.raises(InputError, match="no episodes to play"):
        next(
            play_blocks(
                make_world(), Policy("random_unseen", Streams(1)), seed=1, episodes=range(0)
            )
        )


def test_the_summary_is_what_the_events_say(make_world: MakeWorld) -> None:
    summary, events = record(make_world(), Policy("random_unseen", Streams(3)), range(400))
    steps = np.bincount(events.episodes) - 1
    rewards = np.bincount(events.episodes, weights=events.times) - 1.0
    assert summary.sessions == 400
    assert summary.mean_steps == pytest.approx(steps.mean())
    assert summary.mean_reward == pytest.approx(rewards.mean())
    assert summary.mean_session_time == pytest.approx(1 + rewards.mean())
    assert summary.reward_error == pytest.approx(rewards.std(ddof=1) / np.sqrt(400))
    assert summary.steps_error == pytest.approx(steps.std(ddof=1) / np.sqrt(400))


def test_progress_counts_every_session_once(make_world: MakeWorld) -> None:
    ended: list[int] = []
    play(
        make_world(),
        Policy("random_unseen", Streams(1)),
        seed=1,
        episodes=range(123),
        batch=10,
        progress=lambda some: ended.append(len(some.episodes)),
    )
    assert sum(ended) == 123
