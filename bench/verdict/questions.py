"""Questions beside the verdict: equivalence, days, segments, interactions, several metrics."""

import math
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from bench.verdict.made_users import GUARDRAIL, PRIMARY, aggregates_of, judged, metrics, users_of
from bench.verdict.rates import STATED, Found, Scenario
from offline.experiment.aggregates.metric_sql import Progress
from offline.experiment.checks.split_checks import split_faults
from offline.experiment.questions.attribute_segments import by_attribute
from offline.experiment.questions.days import by_day
from offline.experiment.questions.interaction import interactions
from offline.experiment.questions.parts import Against
from offline.experiment.sequential import looks
from offline.experiment.stats.bayes import readings
from offline.experiment.stats.comparison import Comparison, compare_samples
from offline.experiment.stats.effects import ALPHA
from offline.experiment.stats.equivalence import equivalence
from offline.experiment.stats.sample import Sample

_DRAWS = 498
FALSE = 6.0
_BINS = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
_DAYS = 14


def _row(rng: np.random.Generator, users: int, ratio: float) -> Comparison:
    """This number of users per arm; the treatment's mean is `ratio` times the control's."""
    control, treated = rng.gamma(2, 1, (2, users))
    return compare_samples("T1", "x", Sample.of(control), Sample.of(ratio * treated), draws=_DRAWS)


def equivalent(rng: np.random.Generator, users: int, ratio: float, margin: float) -> Found:
    """Whether an effect is shown to be below a margin, in percent."""
    status = equivalence(_row(rng, users, ratio), margin).status
    return {"shown to be within the margin": status == "shown", "refuted": status == "refuted"}


def bayes(rng: np.random.Generator, users: int, spread: float, given: float) -> Found:
    """The reading of a test whose effect is from a prior; `spread` and `given` in percent.

    `spread` is the prior's, of the logarithm; `given` is the one that the reading assumes.
    """
    truth = math.exp(rng.normal(0, spread / 100)) if spread else 1.0
    [reading] = readings([_row(rng, users, truth)], lambda _: True, given)
    effect = 100 * (truth - 1)
    found: Found = {"interval misses": not reading.lower <= effect <= reading.upper}
    if not spread:
        found["said to beat the control with over 95 %"] = reading.better > 0.95
        found["said to beat it with under 5 %"] = reading.better < 0.05
        return found
    names = [
        f"said to beat the control with {100 * low:g} to {100 * high:g} %"
        for low, high in pairwise(_BINS)
    ]
    found |= dict.fromkeys(names)
    name = names[int(np.searchsorted(_BINS[1:-1], reading.better, "right"))]
    found[name] = effect > 0
    found[name + STATED] = reading.better
    found["loss of shipping in %, stated − true"] = reading.loss_of_shipping - max(-effect, 0.0)
    return found


def days(rng: np.random.Generator, users: int, effect: float = 0.0, fading: bool = False) -> Found:
    """An effect by day and by days since the first; users return at random."""
    taste = rng.gamma(4, 0.25, users)
    arm = np.where(rng.random(users) < 0.5, "T1", "C")
    there = rng.random((users, _DAYS)) < rng.beta(2, 4, users)[:, None]
    first = np.argmax(there, axis=1)
    size = effect * np.ones((users, _DAYS))
    if fading:
        size *= 0.7 ** np.arange(_DAYS)
    mean = taste[:, None] * (1 + size * (arm == "T1")[:, None])
    value = rng.gamma(2, mean / 2)
    who, day = np.nonzero(there)
    sums = {"above": value[who, day], "below": np.ones(len(who))}
    table = pd.DataFrame({"user_id": who.astype(str), "treatment": arm[who], "day": day, **sums})
    found: Found = {}
    for name, numbers in (("day", day), ("days since the first", day - first[who])):
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


def _arms(rng: np.random.Generator, users: int) -> np.ndarray:
    return np.where(rng.random(users) < 0.5, "T1", "C")


def segments(
    rng: np.random.Generator, users: int, effect: float = 0.0, in_one: float = 0.0
) -> Found:
    """Two attributes of five and three values: other means, and the same effect in all of them.

    But for one segment in which it is larger by `in_one`.
    """
    arm = _arms(rng, users)
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
        "any segment called (Holm)": any((some.p_holm or 1.0) < ALPHA for some in found),
        "any segment called, unadjusted": any((some.part.p or 1.0) < ALPHA for some in found),
        "effects called different by country": equal[0].p < ALPHA,
        "a segment's sample ratio doubted (Holm, 1 %)": bool(faults),
    }


def lost_in_a_segment(rng: np.random.Generator, users: int, lost: float) -> Found:
    """One segment of ten lacks a share of its users in the second arm."""
    arm, segment = _arms(rng, users), rng.integers(10, size=users)
    kept = ~((segment == 0) & (arm == "T1") & (rng.random(users) < lost))
    series = [pd.Series(values[kept], dtype=object) for values in (segment.astype(str), arm)]
    faults = split_faults("segment", *series, {"C": 0.5, "T1": 0.5})
    return {"that segment named": any(fault.name == "0" for fault in faults)}


def interaction(
    rng: np.random.Generator, users: int, mine: float, other: float, both: float = 0.0
) -> Found:
    """Two experiments with these effects, and more where both are on."""
    arm, theirs = _arms(rng, users), _arms(rng, users)
    treated, beside = arm == "T1", theirs == "T1"
    factors = (1 + mine * treated) * (1 + other * beside) * (1 + both * (treated & beside))
    table = _table(rng, users, factors, arm)
    arms = dict(zip(table["user_id"], theirs, strict=True))
    found = interactions("OTHER", table, arms, _against())
    [one] = found.found
    return {
        "called, in points of the effects": None if one.points_p is None else one.points_p < ALPHA,
        "assignments called dependent": None
        if found.assignment_p is None
        else found.assignment_p < ALPHA,
    }


def several(
    rng: np.random.Generator, users: int, primaries: tuple[str, ...], arms: tuple[str, ...]
) -> Found:
    """An A/A test with several primary metrics, or treatments, which share a chance of 5 %."""
    arm = np.array(arms)[rng.integers(len(arms), size=users)]
    sessions = rng.poisson(3, users) + 1
    taste = rng.gamma(4, 0.25, users)
    tracks = sessions + rng.poisson(5 * sessions * taste)
    time = sessions + rng.gamma(2, taste * sessions)
    table = users_of(arm, sessions, time, tracks=tracks)
    found = judged(aggregates_of(table, arms, primaries))
    return {"any difference called": found["called, where not stopped"]}


def watched(rng: np.random.Generator, users: int, effect: float) -> Found:
    """Every day looked at, the always-valid interval and the plain one; the metric is a ratio."""
    arm = _arms(rng, users)
    taste = rng.gamma(4, 0.25, users) * np.where(arm == "T1", 1 + effect / 100, 1.0)
    sessions = rng.poisson(rng.gamma(2, 0.15, users)[:, None], (users, _DAYS))
    who, day = np.nonzero(sessions)
    below = sessions[who, day].astype(float)
    rows = {"user_id": who.astype(str), "treatment": arm[who], "period": day}
    above = rng.gamma(2 * below, (taste / 2)[who])
    order = np.lexsort((who, day))
    frame = pd.DataFrame(rows | {"above": above, "below": below}).iloc[order]
    total = np.bincount(who, above, users)
    table = users_of(arm, sessions.sum(axis=1), total)
    made = aggregates_of(table, progress={PRIMARY: Progress(frame.reset_index(drop=True))})
    found = looks(made, "T1", metrics()[PRIMARY])
    truth: dict[str, Any] = {
        "always-valid: misses the truth at some look": any(
            not look.lower <= effect <= look.upper for look in found
        ),
        "one look's interval: misses it at some look": any(
            not look.fixed_lower <= effect <= look.fixed_upper for look in found
        ),
    }
    return truth if found else dict.fromkeys(truth)


def answers() -> list[Scenario]:
    """Bounds are those of the documentation."""
    shown = "shown to be within the margin"
    found = [
        Scenario(
            f"equivalence, {users} users per arm, {100 * (ratio - 1):+.3g} % in truth, margin 5 %",
            partial(equivalent, users=users, ratio=ratio, margin=5.0),
            {shown: FALSE} if ratio != 1 else {"refuted": FALSE},
        )
        for users, ratio in ((4000, 1.05), (4000, 0.95), (400, 1.05), (40, 1.05), (4000, 1.0))
    ]
    found += [
        Scenario(
            "Bayesian reading, 400 users per arm, effects from its prior of 5 %",
            partial(bayes, users=400, spread=5.0, given=5.0),
            {"interval misses": FALSE},
            unbiased=["loss of shipping in %, stated − true"],
        ),
        Scenario(
            "Bayesian reading, 400 users per arm, A/A, prior of 10 %",
            partial(bayes, users=400, spread=0.0, given=10.0),
            {
                "interval misses": FALSE,
                "said to beat the control with over 95 %": FALSE,
                "said to beat it with under 5 %": FALSE,
            },
        ),
    ]
    drifts = ("drift by day", "drift by days since the first")
    found += [
        Scenario(
            "by day, 300 users, no effect",
            partial(days, users=300),
            dict.fromkeys(drifts, FALSE),
            tests=300,
        ),
        Scenario(
            "by day, 1,000 users, +30 % every day",
            partial(days, users=1000, effect=0.3),
            dict.fromkeys(drifts, FALSE),
        ),
        Scenario(
            "by day, 1,000 users, +50 % that fades",
            partial(days, users=1000, effect=0.5, fading=True),
        ),
    ]
    called = ("any segment called (Holm)", "effects called different by country")
    doubted = {"a segment's sample ratio doubted (Holm, 1 %)": 1.5}
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
        ),
        Scenario(
            "one segment of ten lacks half of T1's users, 2,000 users",
            partial(lost_in_a_segment, users=2000, lost=0.5),
        ),
    ]
    pair = ("called, in points of the effects", "assignments called dependent")
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
        )
    )
    three = (PRIMARY, "mean_session_length", GUARDRAIL)
    found += [
        Scenario(
            name,
            partial(several, users=400, primaries=primaries, arms=arms),
            {"any difference called": FALSE},
        )
        for name, primaries, arms in (
            ("three primary metrics (Holm), 400 users", three, ("C", "T1")),
            ("three treatments (Holm), 400 users", (PRIMARY,), ("C", "T1", "T2", "T3")),
            (
                "three primary metrics of three treatments, 400 users",
                three,
                ("C", "T1", "T2", "T3"),
            ),
        )
    ]
    found += [
        Scenario(
            f"looked at for 14 days, 400 users, {effect:+g} % in truth",
            partial(watched, users=400, effect=effect),
            {"always-valid: misses the truth at some look": FALSE},
        )
        for effect in (0.0, 20.0)
    ]
    return found
