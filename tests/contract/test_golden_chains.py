"""The golden chains of `contract`, walked in Lua, by a compiled loop, and by target policies."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import redis
from numpy.typing import NDArray

from botify.catalog import Catalog, pack
from botify.plays import Play
from botify.recommenders import Resources
from botify.recommenders.chain import Chain
from botify.store.candidates import CandidateStep, from_catalog
from botify.store.client import connect
from botify.store.embedded_valkey import EmbeddedValkey
from botify.store.keys import LIST_VERSIONS
from botify.store.sessions import SessionStore
from contract.chain_choice import Music, Session, choose, probabilities
from contract.chains import TOP_TRACKS, Owner, Step, parse_steps, with_keys
from contract.golden import golden_cases
from offline.off_policy.chain_target import ChainTarget
from offline.off_policy.chain_target import Music as TargetMusic
from offline.off_policy.decisions import Decisions
from sim.agent import Turn
from sim.agents.chain import Chain as CompiledChain
from sim.rng import Streams

USER = 7
Case = dict[str, Any]
CASES = [pytest.param(case, id=f"{n}") for n, case in enumerate(golden_cases("chains"))]


def owners_of(case: Case) -> dict[str, Owner]:
    owners: dict[str, Owner] = dict.fromkeys(case.get("lists", ()), "user")
    return owners | dict.fromkeys(case.get("neighbours", ()), "track")


def steps_of(case: Case) -> tuple[Step, ...]:
    return with_keys(parse_steps(case["steps"]), owners_of(case))


def lists_of(case: Case) -> dict[str, dict[str, list[int]]]:
    popular = {TOP_TRACKS: {"": case["top_tracks"]}} if "top_tracks" in case else {}
    return case.get("lists", {}) | case.get("neighbours", {}) | popular


def artists_of(case: Case) -> list[int]:
    return case.get("artists") or list(range(case["n_tracks"]))


@pytest.mark.parametrize("case", CASES)
def test_the_reference(case: Case) -> None:
    session = Session(str(USER), case["plays"], case.get("excluded", ()))
    music = Music(case["n_tracks"], lists_of(case), artists_of(case))
    steps, uniforms = steps_of(case), (case["random"][0], case["random"][1])
    found = choose(steps, session, music, uniforms)
    assert found._asdict() == case["answer"]
    chances = probabilities(steps, session, music)
    assert chances[found.track] == found.propensity
    assert sum(chances.values()) == pytest.approx(1.0)


@pytest.fixture(scope="module")
def client() -> Iterator["redis.Redis"]:
    with EmbeddedValkey() as server, connect(server.url) as client:
        yield client


@pytest.mark.integration
@pytest.mark.parametrize("case", CASES)
def test_in_lua(case: Case, client: "redis.Redis") -> None:
    client.flushall()
    for name, lists in lists_of(case).items():
        client.hset(LIST_VERSIONS, name, "v")
        packed: Any = {key: pack(tracks) for key, tracks in lists.items()}
        client.hset(f"{LIST_VERSIONS}:{name}:v", mapping=packed)
    store = SessionStore(client, session_ttl=100, n_tracks=case["n_tracks"])
    *before, (last, time) = case["plays"]
    for track, heard in before:  # answered with the track that was played, so no other is seen
        again = CandidateStep("", "tracks", "", pack([track]), "any")
        store.next(USER, track, (again, from_catalog("")), (0.0, 0.0), time_played=heard)
    artists = [str(artist) for artist in artists_of(case)]
    entry = [step | {"as": str(number)} for number, step in enumerate(case["steps"])]
    config = Chain.Config.model_validate({"type": "chain", "steps": entry})
    chain = Chain("", config, Resources(Catalog(artists, artists), {}, owners_of(case)))
    excluded, random = pack(case.get("excluded", [])), tuple(case["random"])
    found = chain.recommend(store, USER, Play(last, time), random, excluded)
    answer = case["answer"]
    assert (found.recommender, found.track, found.rank, found.propensity) == (
        str(answer["step"]),
        answer["track"],
        answer["place"],
        answer["propensity"],
    )


class _Catalog:
    def __init__(self, artist_of: list[int]) -> None:
        self.artist_of = np.array(artist_of)
        order = np.argsort(self.artist_of, kind="stable")
        self.by_artist = np.append(0, np.bincount(artist_of).cumsum()), order


class _World:
    def __init__(self, artist_of: list[int]) -> None:
        self.catalog = _Catalog(artist_of)


def padded(lists: dict[str, list[int]], rows: int) -> NDArray[np.int32]:
    found = np.full((rows, max(map(len, lists.values()), default=0)), -1, np.int32)
    for key, tracks in lists.items():
        found[int(key or 0), : len(tracks)] = tracks
    return found


@pytest.mark.parametrize("case", CASES)
def test_in_a_compiled_loop(case: Case) -> None:
    tables = {name: padded(some, case["n_tracks"] + USER) for name, some in lists_of(case).items()}
    steps = [step._replace(answers_as=str(n)) for n, step in enumerate(steps_of(case))]
    agent = CompiledChain("none", steps, Streams(1), tables, case.get("excluded", ()))
    world: Any = _World(artists_of(case))
    agent.begin(world, 1)
    random = np.array(case["random"][:1]), np.array(case["random"][1:])
    tracks = np.array([[track for track, _ in case["plays"]]], np.int32)
    for played, (track, time) in enumerate(case["plays"]):
        turn = turn_of(tracks, played, track, time)
        answer = agent.answer(turn, random)
    expected = case["answer"]
    assert answer.ranks is not None
    assert answer.propensities is not None
    assert answer.sources is not None
    assert (agent.sources[answer.sources[0]], answer.tracks[0]) == (
        str(expected["step"]),
        expected["track"],
    )
    assert answer.ranks[0] == (-1 if expected["place"] is None else expected["place"])
    assert answer.propensities[0] == expected["propensity"]


@pytest.mark.parametrize("case", CASES)
def test_by_a_target_policy(case: Case) -> None:
    """Its probability of the answer; and that of all tracks, where one alone counts at a time."""
    tracks, times = zip(*case["plays"], strict=True)
    n, n_tracks, answer = len(tracks), case["n_tracks"], case["answer"]
    log = Decisions(
        user_ids=(str(USER),),
        users=np.zeros(n, np.int64),
        sessions=np.zeros(n, np.int64),
        tracks=np.array(tracks),
        times=np.array(times),
        recommendations=np.array([-1] * (n - 1) + [answer["track"]]),
        propensities=np.ones(n),
        rewards=np.ones(n),
        usable=np.ones(n, np.bool_),
        left_out={},
        logged=np.arange(0, n_tracks, 2),
    )
    music = TargetMusic(lists_of(case), artists_of(case))
    target = ChainTarget("t", steps_of(case), music, log, case.get("excluded", ()))
    assert target.answers.all()
    assert target.chances[-1] == answer["propensity"]
    chances = probabilities(
        steps_of(case),
        Session(str(USER), case["plays"], case.get("excluded", ())),
        Music(n_tracks, lists_of(case), artists_of(case)),
    )
    others = len(log.logged)
    for track in (answer["track"], 0, n_tracks - 1):
        values = np.zeros(others + 1)
        values[log.codes(np.array([track]))] = 1.0
        alike = [t for t in range(n_tracks) if t == track or (t % 2 == 1 and track % 2 == 1)]
        expected = sum(chances.get(t, 0.0) for t in alike)
        assert target.mean_of(values)[-1] == pytest.approx(expected)


def turn_of(history: NDArray[np.int32], played: int, track: int, time: float) -> Turn:
    one = np.zeros(1, np.int64)
    return Turn(
        slots=one,
        episodes=one,
        steps=one + played,
        user_rows=one + USER,
        users=one + USER,
        tracks=one + track,
        times=one + time,
        tastes=one,
        distinct=one + len(set(history[0, : played + 1].tolist())),
        history=history,
        artists=history,
    )
