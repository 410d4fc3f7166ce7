"""The effect by day, by segment and within another experiment, and all that is asked besides."""

from functools import partial

import numpy as np
import pandas as pd

from bench.verdict.made_users import PRIMARY, by_lot, metrics, users_of
from bench.verdict.rates import FALSE, FEW, Found, Scenario
from bench.verdict.readings import readings
from bench.verdict.several import several_at_once
from offline.experiment.checks.split_checks import split_faults
from offline.experiment.questions.attribute_segments import by_attribute
from offline.experiment.questions.days import by_day
from offline.experiment.questions.interaction import interactions
from offline.experiment.questions.parts import Against
from offline.experiment.stats.effects import ALPHA

_DAYS = 14


def days(rng: np.random.Generator, users: int, effect: float = 0.0, fading: bool = False) -> Found:
    """An effect by day and by days since the first; users return at random."""
    taste = rng.gamma(4, 0.25, users)
    arm = by_lot(rng, users)
    there = rng.random((users, _DAYS)) < rng.beta(2, 4, users)[:, None]
    first = np.argmax(there, axis=1)
    size = effect * np.ones((users, _DAYS))
    if fading:
        size *= 0.7 ** np.arange(_DAYS)
    mean = taste[:, None] * (1 + size * (arm == "T1")[:, None])
    value = rng.gamma(2, mean / 2)
    user, day = np.nonzero(there)
    sums = {"above": value[user, day], "below": np.ones(len(user))}
    table = pd.DataFrame({"user_id": user.astype(str), "treatment": arm[user], "day": day, **sums})
    found: Found = {}
    for name, numbers in (("day", day), ("days since the first", day - first[user])):
        drift = by_day(table.assign(day=numbers), "T1", _against()).drift
        found[f"drift by {name}"] = None if drift is None else drift.p < ALPHA
    return found


def _against() -> Against:
    return Against(metrics()[PRIMARY])


def _table(
    rng: np.random.Generator, users: int, factors: np.ndarray, arm: np.ndarray
) -> pd.DataFrame:
    """A row per user, whose mean session time is multiplied by a factor; shape (n,)."""
    sessions = rng.poisson(3, users) + 1
    time = sessions * rng.gamma(2, rng.gamma(4, 0.25, users) * factors)
    return users_of(arm, sessions, time)


def segments(
    rng: np.random.Generator, users: int, effect: float = 0.0, in_one: float = 0.0
) -> Found:
    """Two attributes of five and three values: other means, and the same effect in all of them.

    But for one segment in which it is larger by `in_one`.
    """
    arm = by_lot(rng, users)
    country, device = (
        rng.choice(5, users, p=[0.4, 0.3, 0.15, 0.1, 0.05]),
        rng.integers(3, size=users),
    )
    treated = arm == "T1"
    factors = (
        (1 + 0.2 * country) * (1 + effect * treated) * (1 + in_one * treated * (country == 1))
    )
    table = _table(rng, users, factors, arm)
    labels = {
        name: pd.Series(values.astype(str), table.index, dtype=object)
        for name, values in (("country", country), ("device", device))
    }
    found, equal = by_attribute(table, ["T1"], labels, _against())
    shares = {"C": 0.5, "T1": 0.5}
    faults = [
        f
        for name, some in labels.items()
        for f in split_faults(name, some, table["treatment"], shares)
    ]
    return {
        "any segment significant (Holm)": any((some.p_holm or 1.0) < ALPHA for some in found),
        "any segment significant, unadjusted": any((some.part.p or 1.0) < ALPHA for some in found),
        "heterogeneity by country significant": equal[0].p < ALPHA,
        "sample-ratio mismatch in a segment (Holm, 1 %)": bool(faults),
    }


def lost_in_a_segment(rng: np.random.Generator, users: int, lost: float) -> Found:
    """One segment of ten lacks a share of its users in the second arm."""
    arm, segment = by_lot(rng, users), rng.integers(10, size=users)
    kept = ~((segment == 0) & (arm == "T1") & (rng.random(users) < lost))
    segments, treatments = (
        pd.Series(values[kept], dtype=object) for values in (segment.astype(str), arm)
    )
    faults = split_faults("segment", segments, treatments, {"C": 0.5, "T1": 0.5})
    return {"segment found": any(fault.name == "0" for fault in faults)}


def interaction(
    rng: np.random.Generator, users: int, mine: float, other: float, both: float = 0.0
) -> Found:
    """Two experiments with these effects, and more where both are on."""
    arm, theirs = by_lot(rng, users), by_lot(rng, users)
    treated, beside = arm == "T1", theirs == "T1"
    factors = (1 + mine * treated) * (1 + other * beside) * (1 + both * (treated & beside))
    table = _table(rng, users, factors, arm)
    arms = dict(zip(table["user_id"], theirs, strict=True))
    found = interactions("OTHER", table, arms, _against())
    [one] = found.found
    return {
        "interaction significant, in points": None
        if one.points_p is None
        else one.points_p < ALPHA,
        "dependence of the assignments significant": None
        if found.assignment_p is None
        else found.assignment_p < ALPHA,
    }


def answers() -> list[Scenario]:
    """Bounds are those of the documentation."""
    found = readings()
    drifts = ("drift by day", "drift by days since the first")
    found += [
        Scenario(
            "by day, 300 users, no effect",
            partial(days, users=300),
            dict.fromkeys(drifts, FALSE),
            tests=FEW,
        ),
        Scenario(
            "by day, 1,000 users, +30 % every day",
            partial(days, users=1000, effect=0.3),
            dict.fromkeys(drifts, FALSE),
        ),
        Scenario(
            "by day, 1,000 users, +50 % that fades",
            partial(days, users=1000, effect=0.5, fading=True),
            tests=FEW,
        ),
    ]
    called = ("any segment significant (Holm)", "heterogeneity by country significant")
    # Holm's adjustment is within each of the two independent attributes: 1 - 0.99² = 1.99 %.
    doubted = {"sample-ratio mismatch in a segment (Holm, 1 %)": 2.0}
    found += [
        Scenario(
            "segments by two attributes, 2,000 users, no effect",
            partial(segments, users=2000),
            dict.fromkeys(called, FALSE) | doubted,
        ),
        Scenario(
            "segments by two attributes, 2,000 users, +10 % in all",
            partial(segments, users=2000, effect=0.1),
            {called[1]: FALSE} | doubted,
        ),
        Scenario(
            "segments by two attributes, 2,000 users, +30 % in one",
            partial(segments, users=2000, in_one=0.3),
            tests=FEW,
        ),
        Scenario(
            "one segment of ten lacks half of T1's users, 2,000 users",
            partial(lost_in_a_segment, users=2000, lost=0.5),
            tests=FEW,
        ),
    ]
    pair = ("interaction significant, in points", "dependence of the assignments significant")
    found += [
        Scenario(
            f"interaction, 1,000 users, {100 * mine:+g} % and {100 * other:+g} %",
            partial(interaction, users=1000, mine=mine, other=other),
            dict.fromkeys(pair, FALSE),
        )
        for mine, other in ((0.0, 0.0), (0.2, 0.3))
    ]
    found.append(
        Scenario(
            "interaction, 1,000 users, +20 % and +30 %, and +30 % where both are on",
            partial(interaction, users=1000, mine=0.2, other=0.3, both=0.3),
            tests=FEW,
        )
    )
    return [*found, *several_at_once()]
