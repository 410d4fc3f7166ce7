"""Policies against the rules of the service: what may be answered, and how likely it is."""

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from contract.chain_choice import Music, Session, choose, probabilities
from contract.chain_presets import PRESETS
from sim.agent import Agent, Answer, Turn
from sim.agents.chain import MAX_CANDIDATES
from sim.engine.play import play
from sim.engine.sessions import Sessions
from sim.rng import Streams
from sim.world import World

AnyWorld = Callable[[int], World]
MakeWorld = Callable[..., World]
MakeLists = Callable[..., Any]
MakeAgent = Callable[[str, int, Any], Agent]

POLICIES = list(PRESETS)


Offer = tuple[str, float]


def offers(
    name: str, world: World, lists: Any, row: int, plays: list[tuple[int, float]]
) -> dict[int, Offer]:
    """Recommender and probability of each track that the chain may answer with, by contract."""
    near = {str(track): some[:MAX_CANDIDATES] for track, some in enumerate(lists.near)}
    mine = {str(user): some for user, some in enumerate(lists.mine)}
    tables = {
        "own": mine if PRESETS[name].setting == "list" else near,
        "top_tracks": {"": lists.top[:MAX_CANDIDATES]},
    }
    music = Music(len(world.catalog), tables, world.catalog.artist_of.tolist())
    steps, session = PRESETS[name].chain("own"), Session(str(row), plays)
    who = steps[choose(steps, session, music, (0.0, 0.0)).step].answers_as or name
    return {track: (who, chance) for track, chance in probabilities(steps, session, music).items()}


class Compared:
    """Passes on to a policy, and compares each answer with what the service may answer."""

    def __init__(self, policy: Agent, world: World, lists: Any) -> None:
        self._policy, self._world, self._lists = policy, world, lists
        self.name, self.sources = policy.name, policy.sources
        self.end = policy.end
        # How often each place among the tracks that could be answered was, by their number.
        self.places: defaultdict[tuple[str, int], Counter[int]] = defaultdict(Counter)

    def begin(self, world: World, slots: int) -> None:
        self._policy.begin(world, slots)
        self._times: list[list[float]] = [[] for _ in range(slots)]

    def recommend(self, turn: Turn) -> Answer:
        answer = self._policy.recommend(turn)
        assert answer.ranks is not None
        assert answer.propensities is not None
        assert answer.sources is not None
        for i, track in enumerate(answer.tracks.tolist()):
            times = self._times[turn.slots[i]]
            del times[turn.steps[i] :]
            times.append(float(turn.times[i]))
            plays = list(zip(turn.played(i).tolist(), times, strict=True))
            possible = offers(self.name, self._world, self._lists, int(turn.user_rows[i]), plays)
            assert sum(chance for _, chance in possible.values()) == pytest.approx(1.0)
            who = self.sources[answer.sources[i]]
            assert (who, answer.propensities[i]) == possible[track]
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
    """Recommender and propensity, in every state that sessions come to."""
    world = any_world(number)
    lists = make_lists(world, number)
    agent = Compared(make_agent(name, seed, lists), world, lists)
    play(world, agent, seed=seed, episodes=range(30), batch=8)
    assert agent.places


WHO = {
    "random_unseen": {"random_unseen"},
    "top_pop_unseen": {"top_pop_unseen", "random"},
    "sticky_artist_unseen": {"sticky_artist_unseen", "random"},
    "indexed": {"indexed", "top_pop", "random"},
    "indexed_random": {"indexed_random", "top_pop", "random"},
    "sequential": {"sequential", "top_pop", "random"},
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
    last = name if name == "random_unseen" else "random"
    assert (last, 180) in agent.places


UNIFORM = [name for name in PRESETS if PRESETS[name].steps[-1] == {"catalog": "any"}]
UNIFORM += ["random_unseen", "top_pop_unseen", "sticky_artist_unseen", "indexed_random"]


@pytest.mark.parametrize("name", UNIFORM)
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
    assert freedom > 5
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
