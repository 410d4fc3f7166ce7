"""Neighbours of items, against plain loops."""

from collections import defaultdict

import numpy as np
import pytest

from offline.models.sessions.pairs import Rule, Trail, neighbours

N_ITEMS = 12


def trail(seed: int = 3, n: int = 200) -> Trail:
    """Events of 9 users in sessions, with several at one time."""
    rng = np.random.default_rng(seed)
    user = np.sort(rng.integers(9, size=n))
    gaps = rng.choice([0, 1_000, 50_000, 4_000_000], n)
    time = np.cumsum(gaps)
    session = np.cumsum((np.diff(user, prepend=-1) != 0) | (np.diff(time, prepend=0) > 1_800_000))
    weight = rng.choice([1.0, 2.0, 0.5], n).astype(np.float32)
    return Trail(rng.integers(N_ITEMS, size=n), user, session, time, weight)


def plain(events: Trail, rule: Rule, exponents: tuple[float, float]) -> np.ndarray:
    """The same, pair by pair."""
    total = np.zeros((N_ITEMS, N_ITEMS))
    best: dict[tuple[int, int, int], float] = defaultdict(float)
    n = len(events.item)
    for e in range(n):
        for f in range(n):
            apart = abs(int(events.timestamp[f] - events.timestamp[e]))
            if e == f or events.user[e] != events.user[f]:
                continue
            distance = 1 if apart == 0 else _between(events, e, f)
            if apart and (apart > rule.window_ms or distance > len(rule.by_distance)):
                continue
            weight = rule.by_distance[distance - 1] * events.weight[e] * events.weight[f]
            if events.session[e] != events.session[f]:
                weight *= rule.across
            if events.timestamp[f] < events.timestamp[e]:
                weight *= rule.backward
            key = int(events.session[e]), int(events.item[e]), int(events.item[f])
            best[key] = max(best[key], float(weight))
    for (_, a, b), weight in best.items():
        total[a, b] += weight
    sessions = np.array(
        [len(set(events.session[events.item == item])) for item in range(N_ITEMS)], float
    )
    scale = np.maximum(sessions, 1)
    return total * scale[:, None] ** -exponents[0] * scale[None] ** -exponents[1]


def _between(events: Trail, e: int, f: int) -> int:
    """Places from e to f; those of e's own time are one place."""
    step = 1 if f > e else -1
    distance = 0
    for at in range(e + step, f + step, step):
        distance = 1 if events.timestamp[at] == events.timestamp[e] else distance + 1
    return distance


@pytest.mark.parametrize("backward", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("across", [0.0, 0.5])
@pytest.mark.parametrize("reach", [1, 4, 50])
def test_weights_are_those_of_every_pair(backward: float, across: float, reach: int) -> None:
    by_distance = (1.0 / np.arange(1, reach + 1)).astype(np.float32)
    rule = Rule(100_000, by_distance, across, backward)
    found = neighbours(trail(), N_ITEMS, rule, N_ITEMS, (0.5, 0.25)).toarray()
    np.testing.assert_allclose(found, plain(trail(), rule, (0.5, 0.25)), rtol=1e-5, atol=1e-7)


def test_the_best_are_kept_and_ties_go_to_the_smaller_id() -> None:
    rule = Rule(10**9, np.ones(9, np.float32), 1.0, 1.0)
    whole = neighbours(trail(), N_ITEMS, rule, N_ITEMS, (0.0, 0.0)).toarray()
    some = neighbours(trail(), N_ITEMS, rule, 3, (0.0, 0.0)).toarray()
    for item in range(N_ITEMS):
        order = np.argsort(-whole[item], kind="stable")[:3]
        assert set(np.flatnonzero(some[item])) == set(order[whole[item][order] > 0])
        np.testing.assert_array_equal(some[item][order], whole[item][order])


def test_a_robot_counts_once_in_a_session() -> None:
    """A visitor who goes to and fro a thousand times says no more than one who does so once."""
    item = np.array([0, 1] * 1000 + [0, 1])
    user = np.array([0] * 2000 + [1, 1])
    events = Trail(item, user, user, np.arange(2002) * 1000, np.ones(2002, np.float32))
    rule = Rule(10**9, np.ones(5, np.float32), 1.0, 1.0)
    found = neighbours(events, 3, rule, 3, (0.0, 0.0)).toarray()
    assert found[0, 1] == found[1, 0] == 2


def test_no_events_no_neighbours() -> None:
    empty = np.empty(0, np.int64)
    events = Trail(empty, empty, empty, empty, np.empty(0, np.float32))
    rule = Rule(1, np.ones(2, np.float32), 1.0, 1.0)
    assert neighbours(events, 4, rule, 3, (0.5, 0.5)).nnz == 0
