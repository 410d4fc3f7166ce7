"""Users without a value, in both arms, in none: is a verdict stopped when it should be?"""

from functools import partial

import numpy as np

from bench.verdict.made_users import aggregates_of, judged, users_of
from bench.verdict.rates import Found, Scenario
from offline.experiment.analysis import Options

CALLED, STOPPED, SHIPPED = "called, where not stopped", "stopped", "Ship, where not stopped"
FALSE, FALSE_STOP, ALWAYS = 6.0, 1.0, 99.0
"""Most false verdicts, most verdicts stopped for nothing, fewest stopped where they must be; %."""


def _played(rng: np.random.Generator, users: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sessions of each user: their number, times and owners; tastes differ."""
    sessions = rng.poisson(3, users) + 1
    taste = rng.gamma(4, 1.0, users)
    owner = np.repeat(np.arange(users), sessions)
    return sessions, 1 + rng.gamma(2, taste[owner] / 2), owner


def _arms(rng: np.random.Generator, users: int, second: float = 0.5) -> np.ndarray:
    return np.where(rng.random(users) < second, "T1", "C")


def leavers(
    rng: np.random.Generator,
    users: int,
    leaving: tuple[float, float],
    bored: bool = False,
    allowed: tuple[str, ...] = (),
) -> Found:
    """Sessions that end without a `last`, with these chances in the arms; no other effect.

    `bored`: only those that are shorter than most.
    """
    arm = _arms(rng, users)
    sessions, time, owner = _played(rng, users)
    chance = np.where(arm == "T1", leaving[1], leaving[0])[owner]
    left = rng.random(len(owner)) < chance * (2 * (time < np.median(time)) if bored else 1)
    gone = np.bincount(owner, left, users)
    table = users_of(arm, sessions - gone, np.bincount(owner, time, users), gone)
    return judged(aggregates_of(table), Options(draws=0, allowed=allowed))


def in_both(rng: np.random.Generator, users: int, switching: float) -> Found:
    """Sessions that get the other arm, with this chance: users with both are left out."""
    arm = _arms(rng, users)
    sessions, time, owner = _played(rng, users)
    switched = np.bincount(owner, rng.random(len(owner)) < switching, users)
    stays = (switched == 0) | (switched == sessions)
    flipped = np.where(switched == sessions, np.where(arm == "C", "T1", "C"), arm)
    table = users_of(flipped, sessions, np.bincount(owner, time, users))
    kept = table[stays].reset_index(drop=True)
    return judged(aggregates_of(kept, in_several=int((~stays).sum())))


def lost_users(rng: np.random.Generator, users: int, lost: float, unhappy: bool) -> Found:
    """A share of the second arm's users is missing: any, or those with the shortest sessions."""
    arm = _arms(rng, users)
    sessions, time, owner = _played(rng, users)
    total = np.bincount(owner, time, users)
    treated = np.flatnonzero(arm == "T1")
    count = round(lost * len(treated))
    gone = rng.choice(treated, count, replace=False)
    if unhappy:
        gone = treated[np.argsort((total / sessions)[treated])[:count]]
    table = users_of(arm, sessions, total).drop(index=gone).reset_index(drop=True)
    return judged(aggregates_of(table))


def shares(
    rng: np.random.Generator, users: int, second: float, weights: dict[str, float]
) -> Found:
    """Arms of `C` and `T1` that were to have these weights, where the second has a share."""
    arm = _arms(rng, users, second)
    sessions, time, owner = _played(rng, users)
    table = users_of(arm, sessions, np.bincount(owner, time, users))
    made = aggregates_of(table, tuple(weights))
    return judged(made, Options(draws=0, weights=weights))


def strays(rng: np.random.Generator, users: int, count: int) -> Found:
    """Users of a treatment that the config does not have, with twice the time of others."""
    arm = _arms(rng, users)
    sessions, time, owner = _played(rng, users)
    table = users_of(arm, sessions, np.bincount(owner, time, users))
    return judged(aggregates_of(table, strays={"T2": count}))


def users() -> list[Scenario]:
    """The verdict must be stopped if something is wrong, and hardly ever otherwise."""
    fine = {STOPPED: FALSE_STOP, CALLED: FALSE}
    sound = [
        ("nothing wrong", partial(shares, users=400, second=0.5, weights={"C": 1, "T1": 1})),
        (
            "as many leave without `last` in both arms, 3 %",
            partial(leavers, users=400, leaving=(0.03, 0.03)),
        ),
        (
            "as many leave, 20 %, --allow-incomplete",
            partial(leavers, users=400, leaving=(0.2, 0.2), allowed=("incomplete",)),
        ),
        ("one session in 1,000 gets the other arm", partial(in_both, users=2000, switching=0.001)),
        (
            "20 users of a treatment that the config does not have",
            partial(strays, users=400, count=20),
        ),
        (
            "90/10 as the config has it",
            partial(shares, users=2000, second=0.1, weights={"C": 9, "T1": 1}),
        ),
    ]
    found = [Scenario(name, test, fine) for name, test in sound]
    must = {STOPPED: ALWAYS}
    wrong = [
        ("20 % leave in both arms", partial(leavers, users=400, leaving=(0.2, 0.2))),
        (
            "5 % leave in C, 25 % in T1, --allow-incomplete",
            partial(leavers, users=1000, leaving=(0.05, 0.25), allowed=("incomplete",)),
        ),
        ("1 % leave in C, 8 % in T1", partial(leavers, users=1000, leaving=(0.01, 0.08))),
        ("one session in 20 gets the other arm", partial(in_both, users=400, switching=0.05)),
        (
            "no user in an arm of the config",
            partial(shares, users=400, second=0.5, weights={"C": 1, "T1": 1, "T2": 1}),
        ),
        (
            "50/50 where the config says 90/10",
            partial(shares, users=400, second=0.5, weights={"C": 9, "T1": 1}),
        ),
        (
            "a third of T1's users is missing",
            partial(lost_users, users=2000, lost=1 / 3, unhappy=True),
        ),
    ]
    found += [Scenario(name, test, least=must) for name, test in wrong]
    for name, test in (
        ("2 % leave in C, 4 % in T1", partial(leavers, users=1000, leaving=(0.02, 0.04))),
        (
            "1 % leave in C, 4 % in T1, the bored",
            partial(leavers, users=1000, leaving=(0.01, 0.04), bored=True),
        ),
        (
            "5 % of T1's users are missing, any",
            partial(lost_users, users=1000, lost=0.05, unhappy=False),
        ),
        (
            "5 % of T1's users are missing, the unhappy",
            partial(lost_users, users=1000, lost=0.05, unhappy=True),
        ),
    ):
        found.append(Scenario(name, test))
    return found
