"""The golden chains of `contract`, walked in Lua, by compiled loops, and by target policies."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import redis

from botify.catalog import pack
from botify.store.candidates import CandidateStep as ServiceStep
from botify.store.candidates import from_catalog as whole_catalog
from botify.store.candidates import from_list
from botify.store.client import connect
from botify.store.embedded_valkey import EmbeddedValkey
from botify.store.keys import LIST_VERSIONS
from botify.store.sessions import SessionStore
from contract.chains import Step, choose
from contract.golden import golden_cases
from offline.off_policy.decisions import Decisions
from offline.off_policy.policies import ListTarget, PopularTarget
from sim.agents.selection import any_unseen, first_unseen, from_catalog

USER = 7


def cases(*picks: str, excluded: bool = True) -> list[Any]:
    """Cases whose steps pick in one of these ways."""
    return [
        pytest.param(case, id=f"{number}")
        for number, case in enumerate(golden_cases("chains"))
        if all(step["pick"] in picks for step in case["steps"])
        and (excluded or "excluded" not in case)
    ]


EVERY = ("first", "best", "unseen", "any")


@pytest.mark.parametrize("case", cases(*EVERY))
def test_the_reference(case: dict[str, Any]) -> None:
    steps = [Step(**step) for step in case["steps"]]
    uniforms = (case["random"][0], case["random"][1])
    found = choose(steps, case["played"], uniforms, case["n_tracks"], case.get("excluded", ()))
    assert found._asdict() == case["answer"]


@pytest.fixture(scope="module")
def client() -> Iterator["redis.Redis"]:
    with EmbeddedValkey() as server, connect(server.url) as client:
        yield client


@pytest.mark.integration
@pytest.mark.parametrize("case", cases(*EVERY))
def test_in_lua(case: dict[str, Any], client: "redis.Redis") -> None:
    client.flushall()
    plan: list[ServiceStep] = []
    for number, step in enumerate(case["steps"]):
        if "tracks" not in step:
            plan.append(whole_catalog(str(number), step["pick"]))
            continue
        name = f"list{number}"
        client.hset(LIST_VERSIONS, name, "v")
        client.hset(f"{LIST_VERSIONS}:{name}:v", "key", pack(step["tracks"]))
        plan.append(from_list(str(number), name, "key", step["pick"]))
    store = SessionStore(client, session_ttl=100, n_tracks=case["n_tracks"])
    *before, last = case["played"]
    for track in before:  # heard with no track offered in between, but those that are heard
        store.next(USER, track, (_offering(track), whole_catalog("")), (0.0, 0.0))
    excluded = pack(case.get("excluded", []))
    found = store.next(USER, last, plan, tuple(case["random"]), excluded)
    answer = case["answer"]
    assert (found.recommender, found.track, found.rank, found.propensity) == (
        str(answer["step"]),
        answer["track"],
        answer["place"],
        1 / answer["drawn_from"],
    )


def _offering(track: int) -> ServiceStep:
    return ServiceStep("", "tracks", "", pack([track]), "any")


@pytest.mark.parametrize("case", cases("first", "unseen", excluded=False))
def test_in_compiled_loops(case: dict[str, Any]) -> None:
    history = np.array(case["played"], np.int32)
    n, (first, second) = len(history), case["random"]
    found, answered = (-1, -1, 1), -1
    for number, step in enumerate(case["steps"]):
        if "tracks" not in step:
            distinct = len(set(case["played"]))
            found = from_catalog(history, n, distinct, case["n_tracks"], first, second)
        elif step["pick"] == "first":
            found = first_unseen(history, n, np.array(step["tracks"], np.int32))
        else:
            found = any_unseen(history, n, np.array(step["tracks"], np.int32), first)
        if found[0] >= 0:
            answered = number
            break
    answer = case["answer"]
    place = -1 if answer["place"] is None else answer["place"]
    assert (answered, *found) == (answer["step"], answer["track"], place, answer["drawn_from"])


@pytest.mark.parametrize("case", cases("first", "unseen", excluded=False))
def test_by_target_policies(case: dict[str, Any]) -> None:
    """The first step of each chain; where it has no track, the policy does not answer."""
    step, answer = case["steps"][0], case["answer"]
    if not step.get("tracks"):
        return
    log = decisions(case["played"], answer["track"])
    if step["pick"] == "first":
        target: ListTarget | PopularTarget = ListTarget("t", {str(USER): step["tracks"]}, log)
    else:
        target = PopularTarget("t", step["tracks"], log)
    assert target.answers[-1] == (answer["step"] == 0)
    if answer["step"] == 0:
        assert target.chances[-1] == 1 / answer["drawn_from"]


def decisions(played: list[int], answer: int) -> Decisions:
    """A session of these plays, and of the last the answer."""
    n = len(played)
    answers = np.array([-1] * (n - 1) + [answer])
    return Decisions(
        user_ids=(str(USER),),
        users=np.zeros(n, np.int64),
        sessions=np.zeros(n, np.int64),
        tracks=np.array(played),
        recommendations=answers,
        propensities=np.ones(n),
        rewards=np.ones(n),
        usable=np.ones(n, np.bool_),
        left_out={},
        logged=np.array([answer]),
    )
