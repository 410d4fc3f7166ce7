"""The Gymnasium environments: Gymnasium's own checks, and that they are the engine's sessions."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import RecordEpisodeStatistics
from gymnasium.wrappers.vector import RecordEpisodeStatistics as RecordVectorStatistics

from sim import gym
from sim.engine.play import play
from sim.errors import InputError
from sim.examples import artist_bandit
from sim.gym.env import ListeningEnv
from sim.gym.vector import ListeningVectorEnv
from sim.world import World

Session = list[tuple[int, int, float]]  # user row, track and time of each play, the first included


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world()


def formula(world: World, user: Any, track: Any, step: Any) -> Any:
    """What conftest's ByFormula answers."""
    return (world.users.ids[user] * 7 + track * 3 + step * 5 + 1) % len(world.catalog)


def as_played(world: World, agent: Any, seed: int, episodes: int) -> dict[int, Session]:
    """The sessions of engine.play, by episode."""
    play(world, agent, seed=seed, episodes=range(episodes))
    found: defaultdict[int, dict[int, tuple[int, int, float]]] = defaultdict(dict)
    for turn in [*agent.turns, *agent.ends]:
        for episode, step, *heard in zip(
            turn.episodes, turn.steps, turn.user_rows, turn.tracks, turn.times, strict=True
        ):
            found[int(episode)][int(step)] = tuple(heard)
    return {episode: [plays[step] for step in sorted(plays)] for episode, plays in found.items()}


@pytest.mark.parametrize("render_mode", [None, "ansi"])
def test_gymnasiums_check_finds_nothing_to_warn_of(world: World, render_mode: str | None) -> None:
    env = gymnasium.make("botify/Listening-v0", world=world, render_mode=render_mode)
    check_env(env.unwrapped)


def test_a_path_to_env_yml_is_a_world(world_files: Any) -> None:
    for path in (world_files.env, str(world_files.env)):
        env = gymnasium.make("botify/Listening-v0", world=path)
        check_env(env.unwrapped)
        assert env.action_space == spaces.Discrete(40)
        assert env.observation_space == spaces.Dict(
            {"user": spaces.Discrete(25), "track": spaces.Discrete(40)}
        )
        envs = gymnasium.make_vec("botify/Listening-v0", num_envs=3, world=path)
        assert envs.single_action_space == spaces.Discrete(40)


def test_registering_again_changes_nothing() -> None:
    before = gymnasium.spec(gym.ID)
    gym.register()
    assert gymnasium.spec(gym.ID) is before


@pytest.mark.integration
def test_make_finds_the_environment_without_an_import(
    simulate: Callable[..., Any], world_files: Any
) -> None:
    program = (
        "import gymnasium\n"
        f"gymnasium.make('sim.gym:botify/Listening-v0', world={str(world_files.env)!r}).reset()\n"
        f"gymnasium.make_vec('sim.gym:botify/Listening-v0', world={str(world_files.env)!r})"
    )
    done = simulate("-W", "error", "-c", program)
    assert (done.returncode, done.stderr) == (0, "")


def test_session_e_is_episode_e_of_the_run_of_that_seed(
    world: World, by_formula: type[Any]
) -> None:
    expected = as_played(world, by_formula(), seed=7, episodes=30)
    env = ListeningEnv(world)
    for episode in range(30):
        observation, info = env.reset(seed=7 if episode == 0 else None)
        session: Session = [(observation["user"], observation["track"], 1.0)]
        left = False
        while not left:
            assert info == {"session": episode, "step": len(session) - 1}
            action = formula(world, observation["user"], observation["track"], info["step"])
            observation, reward, left, truncated, info = env.step(action)
            session.append((observation["user"], observation["track"], reward))
            assert not truncated
        assert session == expected[episode]


@pytest.mark.parametrize("num_envs", [1, 5, 64])
def test_the_vector_environment_plays_the_same_sessions(
    world: World, by_formula: type[Any], num_envs: int
) -> None:
    expected = as_played(world, by_formula(), seed=7, episodes=200)
    envs = ListeningVectorEnv(world, num_envs)
    observation, info = envs.reset(seed=7)
    rewards = np.zeros(num_envs)
    sessions: defaultdict[int, Session] = defaultdict(list)
    while info["session"].min() < 200:
        times = np.where(info["step"] == 0, 1.0, rewards)
        for session, *heard in zip(
            info["session"], observation["user"], observation["track"], times, strict=True
        ):
            sessions[int(session)].append(tuple(heard))
        actions = formula(world, observation["user"], observation["track"], info["step"])
        observation, rewards, _, truncated, info = envs.step(actions)
        assert not truncated.any()
    assert {episode: sessions[episode] for episode in range(200)} == expected


def test_sessions_go_to_the_lowest_free_place_first(world: World) -> None:
    envs = ListeningVectorEnv(world, 16)
    _, info = envs.reset(seed=7)
    assert info["session"].tolist() == list(range(16))
    following, came_together = 16, 0
    for _ in range(100):
        _, _, _, _, info = envs.step(np.zeros(16, dtype=np.int64))
        new = info["session"][info["step"] == 0]
        assert new.tolist() == list(range(following, following + len(new)))
        following += len(new)
        came_together = max(came_together, len(new))
    assert came_together > 1
    assert envs.reset()[1]["session"].tolist() == list(range(following, following + 16))
    assert envs.reset(seed=7)[1]["session"].tolist() == list(range(16))


def test_with_one_place_it_does_what_gymnasiums_own_vector_environment_does(world: World) -> None:
    ours = gymnasium.make_vec(gym.ID, num_envs=1, world=world)
    theirs = gymnasium.make_vec(gym.ID, num_envs=1, world=world, vectorization_mode="sync")
    assert isinstance(ours.unwrapped, ListeningVectorEnv)
    assert isinstance(theirs.unwrapped, SyncVectorEnv)
    for name in ("observation_space", "single_observation_space", "single_action_space"):
        assert getattr(ours, name) == getattr(theirs, name)
    assert ours.action_space == theirs.action_space
    assert ours.metadata == theirs.metadata
    rng = np.random.default_rng(0)
    assert shown(ours.reset(seed=3)) == shown(theirs.reset(seed=3))
    for _ in range(300):
        actions = rng.integers(len(world.catalog), size=1)
        assert shown(ours.step(actions)) == shown(theirs.step(actions))


def shown(result: Any) -> Any:
    """Values and types of what an environment returned, comparable."""
    if isinstance(result, tuple):
        return [shown(part) for part in result]
    if isinstance(result, dict):
        return {key: shown(value) for key, value in result.items()}
    return result.tolist(), result.dtype


def test_sync_vector_environments_are_single_ones_side_by_side(world: World) -> None:
    envs = gymnasium.make_vec(gym.ID, num_envs=3, world=world, vectorization_mode="sync")
    observation, _ = envs.reset(seed=11)
    for place in range(3):
        alone, _ = ListeningEnv(world).reset(seed=11 + place)
        assert (observation["user"][place], observation["track"][place]) == tuple(alone.values())


def test_what_comes_after_the_end_is_the_next_listener_whatever_the_action(world: World) -> None:
    envs = ListeningVectorEnv(world, 8)
    assert envs.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    envs.reset(seed=1)
    left = np.zeros(8, dtype=np.bool_)
    while not left.any():
        _, _, left, _, info = envs.step(np.zeros(8, dtype=np.int64))
        assert (info["step"] > 0).all()
    _, rewards, over, _, after = envs.step(np.where(left, -1, 0))
    assert (after["step"][left] == 0).all()
    assert (rewards[left] == 0).all()
    assert not over[left].any()
    assert (after["session"][left] > info["session"].max()).all()
    assert (after["session"][~left] == info["session"][~left]).all()


def test_what_was_returned_stays_as_it_was(world: World) -> None:
    envs = ListeningVectorEnv(world, 4)
    returned = [envs.reset(seed=1)]
    returned += [envs.step(np.full(4, track)) for track in range(5)]
    before = [shown(result) for result in returned]
    envs.step(np.full(4, 9))
    assert [shown(result) for result in returned] == before


def test_without_a_seed_np_random_gives_one(world: World) -> None:
    def first(env: ListeningEnv | ListeningVectorEnv, seed: int) -> Any:
        env.np_random = np.random.default_rng(seed)
        return [shown(env.reset()[0]["user"]) for _ in range(20)]

    for make in (lambda: ListeningEnv(world), lambda: ListeningVectorEnv(world, 2)):
        assert first(make(), 5) == first(make(), 5) != first(make(), 6)
        env = make()
        assert np.max(env.reset()[1]["session"]) < np.min(env.reset()[1]["session"])


def test_the_agent_is_told_nothing_of_the_truth(world: World) -> None:
    env, envs = ListeningEnv(world), ListeningVectorEnv(world, 2)
    for returned in (env.reset(seed=1), env.step(np.int64(3))):
        assert set(returned[0]) == {"user", "track"}
        assert set(returned[-1]) == {"session", "step"}
    for result in (envs.reset(seed=1), envs.step(np.array([3, 4]))):
        assert set(result[0]) == {"user", "track"}
        assert set(result[-1]) == {"session", "step", "_session", "_step"}


@pytest.mark.parametrize("action", [-1, 60, 1.0, "3", None])
def test_an_action_that_is_no_track_is_named(world: World, action: Any) -> None:
    env = ListeningEnv(world)
    env.reset(seed=1)
    with pytest.raises(InputError, match=r"action .* is no track: .* 0 to 59"):
        env.step(action)


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        ([3, 60], "action 60 of environment 1 is no track: tracks are 0 to 59"),
        ([-1, 3], "action -1 of environment 0 is no track: tracks are 0 to 59"),
        ([3], r"actions of shape \(1,\) and type int64: 2 integers are needed"),
        ([3.0, 4.0], r"actions of shape \(2,\) and type float64: 2 integers are needed"),
    ],
)
def test_actions_that_are_no_tracks_are_named(world: World, actions: Any, message: str) -> None:
    envs = ListeningVectorEnv(world, 2)
    envs.reset(seed=1)
    with pytest.raises(InputError, match=message):
        envs.step(np.array(actions))


def test_there_is_no_step_before_the_first_session_nor_after_a_last_one(world: World) -> None:
    env = ListeningEnv(world)
    with pytest.raises(ResetNeeded, match="reset"):
        env.step(np.int64(0))
    with pytest.raises(ResetNeeded, match="reset"):
        ListeningVectorEnv(world, 2).step(np.zeros(2, dtype=np.int64))
    env.reset(seed=1)
    while not env.step(np.int64(0))[2]:
        pass
    with pytest.raises(ResetNeeded, match="has left"):
        env.step(np.int64(0))


def test_what_cannot_be_made_is_named(world: World, tmp_path: Any) -> None:
    with pytest.raises(InputError, match="num_envs 0"):
        ListeningVectorEnv(world, 0)
    with pytest.raises(InputError, match=r"none\.yml: cannot be read"):
        ListeningEnv(tmp_path / "none.yml")
    for env in (ListeningEnv(world), ListeningVectorEnv(world, 2)):
        with pytest.raises(InputError, match="unknown taste"):
            env.reset(options={"taste": 3})


def test_a_play_can_be_read(world: World) -> None:
    env = ListeningEnv(world, render_mode="ansi")
    env.reset(seed=1)
    _, reward, _, _, _ = env.step(np.int64(17))
    assert f"heard {reward:.0%} of track 17, " in str(env.render())
    assert f"{world.catalog.artist(17)} – title 17" in str(env.render())
    envs = ListeningVectorEnv(world, 3, render_mode="ansi")
    envs.reset(seed=1)
    lines = envs.render()
    assert lines is not None
    assert [line.split(":")[0] for line in lines] == [f"session {i} step 0" for i in range(3)]
    assert ListeningEnv(world).render() is None
    for other in (ListeningEnv(world, "rgb_array"), ListeningVectorEnv(world, 2, "rgb_array")):
        other.reset(seed=1)  # libraries ask for pictures, but may never look at one
        with pytest.raises(InputError, match="render_mode 'rgb_array': only \"ansi\""):
            other.render()


def test_gymnasiums_wrappers_for_statistics_see_the_rewards_of_sessions(
    world: World, by_formula: type[Any]
) -> None:
    summary = play(world, by_formula(), seed=7, episodes=range(1))
    env = RecordEpisodeStatistics(gymnasium.make(gym.ID, world=world))
    envs = RecordVectorStatistics(gymnasium.make_vec(gym.ID, num_envs=1, world=world))
    observation, info = env.reset(seed=7)
    left = False
    while not left:
        action = formula(world, observation["user"], observation["track"], info["step"])
        observation, _, left, _, info = env.step(action)
    assert info["episode"]["r"] == pytest.approx(summary.mean_reward)
    observations, infos = envs.reset(seed=7)
    while "episode" not in infos:
        user, track = observations["user"], observations["track"]
        observations, _, _, _, infos = envs.step(formula(world, user, track, infos["step"]))
    assert infos["episode"]["r"][0] == pytest.approx(summary.mean_reward)


def test_the_example_learns(make_world: Callable[..., World]) -> None:
    # Tracks of an artist are alike here, as they are in the worlds that are built.
    plain = make_world(n_users=40, n_tracks=120, n_artists=30, artist_discount_gamma=0.8)
    rng = np.random.default_rng(2)
    centres = rng.normal(scale=1.5, size=(30, 6))[plain.catalog.artist_of]
    near = (centres + rng.normal(scale=0.3, size=centres.shape)).astype(np.float32)
    world = replace(plain, embeddings=near)

    envs = ListeningVectorEnv(world, 32)
    rewards = artist_bandit.play(
        envs, artist_bandit.ArtistBandit(world.catalog, 32, 1), sessions=4000, seed=1
    )
    first, last = rewards[:400], rewards[-400:]
    error = np.hypot(first.std(ddof=1), last.std(ddof=1)) / 20
    assert last.mean() - first.mean() > 4 * error

    chance = artist_bandit.ArtistBandit(world.catalog, 32, 1, explore=1.0)
    same_listeners = artist_bandit.play(envs, chance, sessions=4000, seed=1)[-400:]
    assert last.mean() - same_listeners.mean() > 4 * error


@pytest.mark.integration
def test_the_example_prints_its_table(simulate: Callable[..., Any], world_files: Any) -> None:
    program = ("-m", "sim.examples.artist_bandit", "--sessions", 2000)
    done = simulate(*program, "--config", world_files.env)
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()[2:]]
    assert [row[0] for row in rows] == [f"{sessions:,}" for sessions in range(200, 2001, 200)]
    assert all(float(row[1]) >= 0 and float(row[4]) >= 0 for row in rows)

    failed = simulate(*program, "--config", "none.yml")
    assert failed.returncode == 2
    assert failed.stderr == "Error: none.yml: cannot be read: No such file or directory\n"
