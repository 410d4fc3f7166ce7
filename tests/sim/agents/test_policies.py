"""Recommenders in process: what they may answer, what they never repeat, when they give up."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from sim.agent import Agent, Answer, Turn
from sim.agents.oracle import Oracle
from sim.agents.policies import Policy
from sim.engine.play import play
from sim.rng import Streams
from sim.world import World

MakeWorld = Callable[..., World]


class Watched:
    """Passes everything on to an agent, and checks each answer."""

    def __init__(self, agent: Agent, check: Callable[[Turn, Answer], None]) -> None:
        self.name, self._agent, self._check = agent.name, agent, check
        self.sources = agent.sources
        self.answers = 0

    def begin(self, world: World, slots: int) -> None:
        self._agent.begin(world, slots)

    def recommend(self, turn: Turn) -> Answer:
        answer = self._agent.recommend(turn)
        self._check(turn, answer)
        self.answers += len(answer.tracks)
        return answer

    def end(self, turn: Turn) -> None:
        self._agent.end(turn)


def each(turn: Turn, answer: Answer) -> Iterator[tuple[set[int], int, int]]:
    """(tracks heard, last track, answer) of each session."""
    for i, (last, track) in enumerate(zip(turn.tracks, answer.tracks, strict=True)):
        yield set(turn.played(i).tolist()), int(last), int(track)


def watch(world: World, agent: Agent, check: Callable[[Turn, Answer], None], n: int = 300) -> None:
    watched = Watched(agent, check)
    play(world, watched, seed=2, episodes=range(n), batch=32)
    assert watched.answers > n


TOP = np.array([5, 9, 2, 30, 31, 7], dtype=np.int32)


def lists_of(world: World) -> NDArray[np.int32]:
    """Lists of eight tracks, and none for every third user."""
    rng = np.random.default_rng(0)
    n = len(world.catalog)
    lists = np.array([rng.permutation(n)[:8] for _ in range(len(world.users))], dtype=np.int32)
    lists[::3] = -1
    return lists


def make(name: str, world: World) -> Policy:
    return Policy(name, Streams(2), lists_of(world), TOP[len(world.catalog) > TOP])


NEVER_REPEAT = ["random_unseen", "top_pop_unseen", "sticky_artist_unseen"]
NEVER_REPEAT += ["indexed", "indexed_random", "sequential"]


@pytest.mark.parametrize("name", NEVER_REPEAT)
def test_a_session_is_never_given_a_track_twice(make_world: MakeWorld, name: str) -> None:
    # Most of the music is liked: sessions outlast every list.
    world = make_world(
        n_tracks=150, consume_bias=-3.0, session_budget=2, artist_discount_gamma=1.0
    )

    def check(turn: Turn, answer: Answer) -> None:
        for heard, _, track in each(turn, answer):
            assert track not in heard or len(heard) == 150

    watch(world, make(name, world), check, 40)


@pytest.mark.parametrize("name", NEVER_REPEAT)
def test_a_catalog_that_is_used_up_repeats_and_ends(make_world: MakeWorld, name: str) -> None:
    world = make_world(
        n_tracks=4, n_artists=2, consume_bias=-50.0, artist_discount_gamma=1.0, session_budget=5
    )

    def check(turn: Turn, answer: Answer) -> None:
        for heard, _, track in each(turn, answer):
            assert len(heard) == 4 or track not in heard

    watched = Watched(make(name, world), check)
    summary = play(world, watched, seed=2, episodes=range(100), batch=16)
    # Three more tracks are heard in full, then the budget is spent on repeats.
    assert summary.mean_steps == 8.0


def test_random_is_uniform_over_the_unseen(make_world: MakeWorld) -> None:
    world = make_world(n_tracks=10, session_budget=3)
    counts = np.zeros((10, 10))

    def check(turn: Turn, answer: Answer) -> None:
        assert answer.propensities is not None
        for (heard, _, _), chance in zip(each(turn, answer), answer.propensities, strict=True):
            assert chance == 1 / (10 - len(heard) or 10)
        first = turn.steps == 0
        np.add.at(counts, (turn.tracks[first], answer.tracks[first]), 1)

    watch(world, Policy("random_unseen", Streams(2)), check, 4_000)
    for track, answered in enumerate(counts):
        assert answered[track] == 0
        others, expected = np.delete(answered, track), answered.sum() / 9
        # Chi-squared with 8 degrees of freedom: 30 is far out of reach of chance.
        assert expected == 0 or ((others - expected) ** 2 / expected).sum() < 30


def test_top_pop_stays_with_the_popular_while_one_is_unseen(make_world: MakeWorld) -> None:
    popular = set(TOP.tolist())

    def check(turn: Turn, answer: Answer) -> None:
        for heard, _, track in each(turn, answer):
            assert track in popular or popular <= heard

    world = make_world(session_budget=9)
    watch(world, make("top_pop_unseen", world), check)


def test_top_pop_looks_at_no_more_than_the_100_most_popular(make_world: MakeWorld) -> None:
    def check(turn: Turn, answer: Answer) -> None:
        assert (answer.tracks < 100).all()

    watch(
        make_world(n_tracks=200),
        Policy("top_pop_unseen", Streams(2), top_tracks=np.arange(200, dtype=np.int32)),
        check,
    )


def test_sticky_artist_stays_while_the_artist_has_an_unseen_track(make_world: MakeWorld) -> None:
    world = make_world(session_budget=9)
    artist_of = world.catalog.artist_of

    def check(turn: Turn, answer: Answer) -> None:
        for heard, last, track in each(turn, answer):
            same = set(np.flatnonzero(artist_of == artist_of[last]).tolist())
            assert track in same or same <= heard

    watch(world, make("sticky_artist_unseen", world), check)


def test_indexed_takes_the_list_in_order_then_the_popular_then_anything(
    make_world: MakeWorld,
) -> None:
    world = make_world(session_budget=20)
    lists, kinds = lists_of(world), set()
    agent = Policy("indexed", Streams(2), lists, TOP)

    def check(turn: Turn, answer: Answer) -> None:
        assert answer.ranks is not None
        assert answer.propensities is not None
        assert answer.sources is not None
        how = zip(answer.ranks, answer.propensities, answer.sources, strict=True)
        for (heard, _, track), row, (rank, chance, source) in zip(
            each(turn, answer), turn.user_rows, how, strict=True
        ):
            mine = [t for t in lists[row].tolist() if t >= 0]
            name = agent.sources[source]
            kinds.add(name)
            for kind, tracks in (("indexed", mine), ("top_pop", TOP.tolist())):
                unseen = [t for t in tracks if t not in heard]
                if unseen:
                    assert (track, rank) == (unseen[0], tracks.index(unseen[0]))
                    assert (name, chance) == (kind, 1.0)
                    break
            else:
                assert track not in heard
                assert (name, rank, chance) == ("random", -1, 1 / (60 - len(heard)))

    watch(world, agent, check)
    assert kinds == {"indexed", "top_pop", "random"}


def test_contextual_is_uniform_over_the_neighbours_seen_or_not(make_world: MakeWorld) -> None:
    world = make_world(session_budget=5)
    neighbours = np.full((60, 4), -1, dtype=np.int32)
    neighbours[:, :3] = (np.arange(60)[:, None] + [1, 2, 3]) % 60
    neighbours[7] = -1
    counts = np.zeros(3)
    alone: list[int] = []

    def check(turn: Turn, answer: Answer) -> None:
        assert answer.ranks is not None
        assert answer.propensities is not None
        assert answer.sources is not None
        how = zip(answer.ranks, answer.propensities, answer.sources, strict=True)
        for (_, last, track), (rank, chance, source) in zip(each(turn, answer), how, strict=True):
            if last == 7:
                alone.append(track)
                assert (rank, chance, source) == (-1, 1 / 60, 1)
            else:
                counts[(track - last) % 60 - 1] += 1
                assert track == neighbours[last, rank]
                assert (chance, source) == (1 / 3, 0)

    watch(world, Policy("contextual", Streams(2), neighbours), check, 2_000)
    assert (abs(counts / counts.sum() - 1 / 3) < 0.02).all()
    assert len(set(alone)) > 20  # a track without neighbours: anything
    seen_again = 0
    back = np.stack([(np.arange(60) + 1) % 60, (np.arange(60) - 1) % 60], axis=1).astype(np.int32)

    def repeats(turn: Turn, answer: Answer) -> None:
        nonlocal seen_again
        seen_again += sum(track in heard for heard, _, track in each(turn, answer))

    watch(world, Policy("contextual", Streams(2), back), repeats)
    assert seen_again > 0


@pytest.mark.parametrize(
    "traits", [{}, {"artist_discount_gamma": 0.3}, {"consume_bias": -5.0, "session_budget": 3}]
)
@pytest.mark.parametrize("near", [64, 3])
@pytest.mark.parametrize("hyped", [False, True])
def test_no_unseen_track_is_better_than_the_oracles(
    make_world: MakeWorld,
    monkeypatch: pytest.MonkeyPatch,
    traits: dict[str, float],
    near: int,
    hyped: bool,
) -> None:
    """Also where the candidates kept per taste are few and the catalog must be searched."""
    monkeypatch.setattr("sim.agents.oracle._NEAR", near)
    world = make_world(n_artists=6, **traits)
    if hyped:
        world = world.with_hype(np.where(np.arange(60) % 7 == 0, 3.0, 0.0))
    users, embeddings = world.users, world.embeddings.astype(np.float64)

    def check(turn: Turn, answer: Answer) -> None:
        for i, (heard, _, track) in enumerate(each(turn, answer)):
            row = turn.user_rows[i]
            affinity = embeddings @ embeddings[turn.tastes[i]] + world.hype
            artist_of = world.catalog.artist_of
            plays = np.bincount(artist_of[turn.played(i)], minlength=6)[artist_of]
            logit = (affinity - users.consume_bias[row]) * users.consume_sharpness[row]
            expected = users.artist_discount_gamma[row] ** plays / (1 + np.exp(-logit))
            expected[list(heard)] = -1.0
            assert len(heard) == 60 or track not in heard
            assert expected[track] >= expected.max() - 1e-12

    watch(world, Oracle(), check, 150)


def test_answers_depend_on_the_seed_of_the_run(make_world: MakeWorld) -> None:
    world = make_world()
    summaries = [
        play(world, Policy("random_unseen", Streams(seed)), seed=1, episodes=range(100))
        for seed in (1, 1, 2)
    ]
    assert summaries[0] == summaries[1] != summaries[2]
