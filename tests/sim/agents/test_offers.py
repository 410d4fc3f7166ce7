"""Policies against the rules of the service: what may be answered, and how likely it is."""

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from sim.agent import Agent, Answer, Turn
from sim.agents.policies import MAX_CANDIDATES
from sim.engine.play import play
from sim.engine.sessions import Sessions
from sim.rng import Streams
from sim.world import World

AnyWorld = Callable[[int], World]
MakeWorld = Callable[..., World]
MakeLists = Callable[..., Any]
MakeAgent = Callable[[str, int, Any], Agent]

POLICIES = ["random", "top_pop", "sticky_artist", "contextual", "indexed"]


Offer = tuple[str, int, float]


def offers(name: str, world: World, lists: Any, row: int, history: list[int]) -> dict[int, Offer]:
    """Recommender, rank and probability of each track that the service may answer.

    botify/store/lua/next.lua and botify/recommenders in plain words: the first step of
    the plan that has a track answers; ranks count places in lists from 0.
    """

    def unseen(tracks: list[int]) -> list[tuple[int, int]]:
        return [(track, rank) for rank, track in enumerate(tracks) if track not in history]

    steps: list[tuple[str, list[tuple[int, int]]]] = []
    match name:
        case "top_pop":
            steps = [("top_pop", unseen(lists.top[:MAX_CANDIDATES]))]
        case "sticky_artist":
            artists = world.catalog.artist_of
            same = unseen(np.flatnonzero(artists == artists[history[-1]]).tolist())
            steps = [("sticky_artist", [(track, -1) for track, _ in same])]
        case "contextual":
            near = enumerate(lists.near[history[-1]])
            steps = [("contextual", [(track, rank) for rank, track in near])]
        case "indexed":
            steps = [
                ("indexed", unseen(lists.mine[row])[:1]),
                ("top_pop", unseen(lists.top[:MAX_CANDIDATES])[:1]),
            ]
    everything = list(range(len(world.catalog)))
    any_unseen = [(track, -1) for track, _ in unseen(everything)]
    steps += [("random", any_unseen), ("random", [(track, -1) for track in everything])]
    who, tracks = next(step for step in steps if step[1])
    return {track: (who, rank, 1 / len(tracks)) for track, rank in tracks}


class Compared:
    """Passes on to a policy, and compares each answer with what the service may answer."""

    def __init__(self, policy: Agent, world: World, lists: Any) -> None:
        self._policy, self._world, self._lists = policy, world, lists
        self.name, self.sources = policy.name, policy.sources
        self.begin, self.end = policy.begin, policy.end
        # How often each place among the tracks that could be answered was, by their number.
        self.places: defaultdict[tuple[str, int], Counter[int]] = defaultdict(Counter)

    def recommend(self, turn: Turn) -> Answer:
        answer = self._policy.recommend(turn)
        assert answer.ranks is not None
        assert answer.propensities is not None
        assert answer.sources is not None
        for i, track in enumerate(answer.tracks.tolist()):
            history = turn.played(i).tolist()
            possible = offers(self.name, self._world, self._lists, int(turn.user_rows[i]), history)
            assert sum(chance for _, _, chance in possible.values()) == pytest.approx(1.0)
            who = self.sources[answer.sources[i]]
            assert (who, answer.ranks[i], answer.propensities[i]) == possible[track]
            self.places[who, len(possible)][list(possible).index(track)] += 1
        return answer


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.integers(0, 10_000), st.sampled_from(POLICIES), st.integers(0, 2**64 - 1))
def test_policies_answer_what_the_service_may_answer(
    any_world: AnyWorld,
    make_lists: MakeLists,
    make_agent: MakeAgent,
    number: int,
    name: str,
    seed: int,
) -> None:
    """Recommender, rank and propensity, in every state that sessions come to."""
    world = any_world(number)
    lists = make_lists(world, number)
    agent = Compared(make_agent(name, seed, lists), world, lists)
    play(world, agent, seed=seed, episodes=range(30), batch=8)
    assert agent.places


WHO = {
    "random": {"random"},
    "top_pop": {"top_pop", "random"},
    "sticky_artist": {"sticky_artist", "random"},
    "indexed": {"indexed", "top_pop", "random"},
}


@pytest.mark.parametrize("name", WHO)
def test_sessions_that_outlast_the_lists_go_on(
    make_world: MakeWorld, make_lists: MakeLists, make_agent: MakeAgent, name: str
) -> None:
    """The popular end at the hundredth, a user's list does not; then chance, then all again."""
    world = make_world(n_tracks=180, n_artists=2, consume_bias=-9.0, artist_discount_gamma=1.0)
    lists = make_lists(world, 1, longest=150)
    agent = Compared(make_agent(name, 3, lists), world, lists)
    play(world, agent, seed=3, episodes=range(60), batch=32)
    assert {who for who, _ in agent.places} == WHO[name]
    assert ("random", 180) in agent.places


@pytest.mark.parametrize("name", ["random", "top_pop", "sticky_artist", "contextual"])
def test_tracks_are_answered_as_often_as_their_propensity_says(
    make_world: MakeWorld, make_lists: MakeLists, make_agent: MakeAgent, name: str
) -> None:
    """Also after many plays, and by the fallbacks: wherever something is drawn."""
    world = make_world(n_tracks=24, n_artists=4, n_users=10, consume_bias=-1.0, session_budget=6)
    lists = make_lists(world, 5)
    agent = Compared(make_agent(name, 11, lists), world, lists)
    play(world, agent, seed=11, episodes=range(3_000), batch=512)
    statistic, freedom = 0.0, 0
    for (_, possible), counts in agent.places.items():
        if possible > 1 and counts.total() >= 10 * possible:
            statistic += chisquare([counts[place] for place in range(possible)]).statistic
            freedom += possible - 1
    assert freedom > 15
    # Roughly normal, with mean `freedom` and variance twice that.
    assert abs(statistic - freedom) < 3.5 * np.sqrt(2 * freedom)


@pytest.mark.parametrize("name", POLICIES)
def test_the_first_answer_comes_as_often_as_its_propensity_says(
    make_world: MakeWorld, make_lists: MakeLists, make_agent: MakeAgent, name: str
) -> None:
    """One state, very many sessions: the frequency of each answer against what is stated."""
    n = 40_000
    world = make_world(n_users=1, n_tracks=15, n_artists=3, interest_neighbours=1)
    world.users.interests[:] = world.users.interests[0]
    lists = make_lists(world, 2)
    agent, sessions = make_agent(name, 13, lists), Sessions(world, n, Streams(13))
    agent.begin(world, n)
    sessions.start(np.arange(n), np.arange(n))
    answer = agent.recommend(sessions.turn(np.arange(n)))
    assert answer.propensities is not None
    tracks, first, counts = np.unique(answer.tracks, return_index=True, return_counts=True)
    stated = answer.propensities[first]
    assert stated.sum() == pytest.approx(1.0)
    if len(tracks) > 1:
        assert chisquare(counts, n * stated).pvalue > 0.001
