"""Days: the same sessions in parts, fashions that change, and listeners who leave for good."""

from collections.abc import Callable

import numpy as np
import pytest

from sim.agents.policies import Policy
from sim.config import DaysConfig
from sim.engine.play import play
from sim.engine.sessions import EndedSessions, user_rows
from sim.multi_day import MultiDayRun
from sim.rng import LISTENER, Streams
from sim.world import World

MakeWorld = Callable[..., World]


def live(
    world: World, config: DaysConfig, days: int = 4, n: int = 400
) -> tuple[MultiDayRun, list[EndedSessions]]:
    """Play all days; returns what each brought."""
    run = MultiDayRun(world, config, seed=5, episodes=n, days=days)
    found = []
    for day in range(days):
        ends: list[EndedSessions] = []

        def ended(some: EndedSessions, ends: list[EndedSessions] = ends) -> None:
            ends.append(some)
            run.add(some)

        episodes = run.start_day(day)
        if len(episodes):
            play(
                run.world(day),
                Policy("random_unseen", Streams(5)),
                seed=5,
                episodes=episodes,
                progress=ended,
            )
        run.end_day()
        nobody = EndedSessions(*np.zeros((4, 0), dtype=np.int64))
        columns = zip(nobody, *ends, strict=True)
        found.append(EndedSessions(*(np.concatenate(column) for column in columns)))
    return run, found


def test_days_without_changes_are_one_run_in_parts(make_world: MakeWorld) -> None:
    world = make_world()
    run, found = live(world, DaysConfig(), days=3, n=100)
    assert [len(day.episodes) for day in found] == [33, 33, 34]
    assert run.total == play(
        world, Policy("random_unseen", Streams(5)), seed=5, episodes=range(100)
    )
    assert sorted(np.concatenate([day.episodes for day in found]).tolist()) == list(range(100))


def test_hyped_tracks_are_other_ones_each_day_and_heard_for_longer(make_world: MakeWorld) -> None:
    world = make_world(consume_bias=3.0)
    config = DaysConfig(hyped_tracks=20, hype=50.0)
    run = MultiDayRun(world, config, seed=5, episodes=400, days=4)
    fashions = [frozenset(np.flatnonzero(run.world(day).hype)) for day in range(4)]
    assert len(set(fashions)) == 4
    assert {len(fashion) for fashion in fashions} == {20}
    again = MultiDayRun(world, config, seed=5, episodes=400, days=4)
    assert [frozenset(np.flatnonzero(again.world(day).hype)) for day in range(4)] == fashions
    dressed, _ = live(world, config)
    plain, _ = live(world, DaysConfig())
    assert dressed.total.mean_reward > plain.total.mean_reward + 3 * plain.total.reward_error


def test_more_hyped_tracks_than_there_are_means_all(make_world: MakeWorld) -> None:
    run = MultiDayRun(make_world(), DaysConfig(hyped_tracks=1_000), seed=5, episodes=4, days=2)
    assert (run.world(0).hype == 2.0).all()


def test_who_leaves_has_had_a_bad_session_and_never_comes_back(make_world: MakeWorld) -> None:
    world = make_world(n_users=60)
    config = DaysConfig(leave_below=0.5, leave_probability=0.5)
    run, found = live(world, config)
    gone: set[int] = set()
    for day, ended in enumerate(found):
        assert not gone & set(ended.user_rows.tolist())
        planned = np.arange(day * 100, day * 100 + 100)
        rows = user_rows(Streams(5), 60, planned)
        # Whose session was planned and did not take place has left on an earlier day.
        assert set(planned.tolist()) - set(ended.episodes.tolist()) == {
            int(e) for e, row in zip(planned, rows, strict=True) if int(row) in gone
        }
        gone |= _left_after(ended, config)
    assert run.n_left == len(gone) > 0
    assert len(gone) < 60


def _left_after(day: EndedSessions, config: DaysConfig) -> set[int]:
    """Users whose session was bad and whose own coin fell so."""
    _, coin = Streams(5).uniforms(LISTENER, day.episodes, 1)
    bad = (day.rewards < config.leave_below) & (coin < config.leave_probability)
    return set(day.user_rows[bad].tolist())


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_none_leave_with_probability_0_and_all_the_disappointed_with_1(
    make_world: MakeWorld, probability: float
) -> None:
    world = make_world(n_users=30)
    run, found = live(world, DaysConfig(leave_below=1e9, leave_probability=probability))
    if probability:
        met = {row for day in found for row in day.user_rows.tolist()}
        assert run.n_left == len(met)
        sessions = [row for day in found[:1] for row in day.user_rows.tolist()]
        assert not set(sessions) & {row for day in found[1:] for row in day.user_rows.tolist()}
    else:
        assert run.n_left == 0
        assert run.total.sessions == 400


def test_a_day_alone_has_neither_fashions_nor_leavers(make_world: MakeWorld) -> None:
    config = DaysConfig(hyped_tracks=20, hype=50.0, leave_below=1e9, leave_probability=1.0)
    run, _ = live(make_world(), config, days=1, n=100)
    assert run.n_left == 0
    assert run.total == play(
        make_world(), Policy("random_unseen", Streams(5)), seed=5, episodes=range(100)
    )
