"""Users without a value, in both arms, in none: is a verdict stopped when it should be?"""

from functools import partial

import numpy as np
from scipy import special

from bench.verdict.made_users import CALLED, STOPPED, aggregates_of, by_lot, judged, users_of
from bench.verdict.rates import (
    ALWAYS,
    FALSE,
    FALSE_STOP,
    FEW,
    MANY,
    MISMATCH,
    Found,
    Scenario,
)
from offline.experiment.analysis import Options
from offline.experiment.checks.sample_ratio import LEAST_P
from offline.watch.ratio import live_ratio


def _played(rng: np.random.Generator, users: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sessions of each user: their number, times and owners; tastes differ."""
    sessions = rng.poisson(3, users) + 1
    taste = rng.gamma(4, 1.0, users)
    owner = np.repeat(np.arange(users), sessions)
    return sessions, 1 + rng.gamma(2, taste[owner] / 2), owner


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
    arm = by_lot(rng, users)
    sessions, time, owner = _played(rng, users)
    chance = np.where(arm == "T1", leaving[1], leaving[0])[owner]
    left = rng.random(len(owner)) < chance * (2 * (time < np.median(time)) if bored else 1)
    gone = np.bincount(owner, left, users)
    table = users_of(arm, sessions - gone, np.bincount(owner, time, users), gone)
    return judged(aggregates_of(table), Options(draws=0, allowed=allowed))


def in_both(rng: np.random.Generator, users: int, switching: float) -> Found:
    """Sessions that get the other arm, with this chance: users with both are left out."""
    arm = by_lot(rng, users)
    sessions, time, owner = _played(rng, users)
    switched = np.bincount(owner, rng.random(len(owner)) < switching, users)
    stays = (switched == 0) | (switched == sessions)
    flipped = np.where(switched == sessions, np.where(arm == "C", "T1", "C"), arm)
    table = users_of(flipped, sessions, np.bincount(owner, time, users))
    kept = table[stays].reset_index(drop=True)
    return judged(aggregates_of(kept, in_several=int((~stays).sum())))


def lost_users(rng: np.random.Generator, users: int, lost: float, unhappy: bool) -> Found:
    """A share of the second arm's users is missing: any, or those with the shortest sessions."""
    arm = by_lot(rng, users)
    sessions, time, owner = _played(rng, users)
    total = np.bincount(owner, time, users)
    treated = np.flatnonzero(arm == "T1")
    count = round(lost * len(treated))
    gone = rng.choice(treated, count, replace=False)
    if unhappy:
        gone = treated[np.argsort((total / sessions)[treated])[:count]]
    stays = ~np.isin(np.arange(users), gone)
    table = users_of(arm, sessions, total)[stays].reset_index(drop=True)
    return judged(aggregates_of(table))


def shares(
    rng: np.random.Generator, users: int, second: float, weights: dict[str, float]
) -> Found:
    """Arms of `C` and `T1` that were to have these weights, where the second has a share."""
    arm = by_lot(rng, users, second)
    sessions, time, owner = _played(rng, users)
    table = users_of(arm, sessions, np.bincount(owner, time, users))
    made = aggregates_of(table, tuple(weights))
    return judged(made, Options(draws=0, weights=weights))


def strays(rng: np.random.Generator, users: int, count: int) -> Found:
    """Users of a treatment that the config does not have, with twice the time of others."""
    arm = by_lot(rng, users)
    sessions, time, owner = _played(rng, users)
    table = users_of(arm, sessions, np.bincount(owner, time, users))
    return judged(aggregates_of(table, strays={"T2": count}))


def watched_ratio(rng: np.random.Generator, users: int, lost: float, looks: int = 100) -> Found:
    """Users come one by one, T1 loses a share of its own, and somebody looks again and again."""
    arm = rng.random(users) < 0.5
    arm = arm[~(arm & (rng.random(users) < lost))]
    found = {"mismatch at some look": False, "at some look, by Pearson's test": False}
    counted = np.cumsum(arm)
    for seen in np.linspace(len(arm) / looks, len(arm), looks).astype(int):
        treated = int(counted[seen - 1])
        counts = {"C": int(seen) - treated, "T1": treated}
        plain = special.chdtrc(1, (seen - 2 * treated) ** 2 / seen) < LEAST_P
        for name, now in zip(found, (live_ratio(counts).mismatch, bool(plain)), strict=True):
            found[name] = found[name] or now
    return dict(found)


def users() -> list[Scenario]:
    """The verdict must be stopped if something is wrong, and hardly ever otherwise."""
    fine = {STOPPED: FALSE_STOP, CALLED: FALSE}
    sound = [
        ("nothing wrong", partial(shares, users=400, second=0.5, weights={"C": 1, "T1": 1})),
        (
            "3 % leave without `last` in each arm, 400 users",
            partial(leavers, users=400, leaving=(0.03, 0.03)),
        ),
        (
            "20 % leave in each arm, --allow-incomplete",
            partial(leavers, users=400, leaving=(0.2, 0.2), allowed=("incomplete",)),
        ),
        ("one session in 1,000 gets the other arm", partial(in_both, users=2000, switching=0.001)),
        (
            "20 users of a treatment that the config does not have",
            partial(strays, users=400, count=20),
        ),
        (
            "90/10 as the config has it",
            partial(shares, users=1000, second=0.1, weights={"C": 9, "T1": 1}),
        ),
    ]
    found = [Scenario(name, test, fine) for name, test in sound]
    must = {STOPPED: ALWAYS}
    wrong = [
        ("20 % leave in each arm", partial(leavers, users=400, leaving=(0.2, 0.2))),
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
    found += [Scenario(name, test, least=must, tests=FEW) for name, test in wrong]
    for name, test in (
        ("2 % leave in C, 4 % in T1", partial(leavers, users=1000, leaving=(0.02, 0.04))),
        (
            "1 % leave in C, 4 % in T1, after short sessions",
            partial(leavers, users=1000, leaving=(0.01, 0.04), bored=True),
        ),
        (
            "5 % of T1's users are missing, any",
            partial(lost_users, users=1000, lost=0.05, unhappy=False),
        ),
        (
            "5 % of T1's users are missing, those with the shortest sessions",
            partial(lost_users, users=1000, lost=0.05, unhappy=True),
        ),
    ):
        found.append(Scenario(name, test, tests=FEW))
    for name, lost, most in (
        ("nobody", 0.0, {"mismatch at some look": MISMATCH}),
        ("10 % of T1's users", 0.1, {}),
    ):
        test = partial(watched_ratio, users=5000, lost=lost)
        name = f"watch: {name} missing, looked at 100 times"
        found.append(Scenario(name, test, most, tests=MANY if most else FEW))
    return found
