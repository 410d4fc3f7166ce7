"""Several primary metrics, treatments and looks, which share one chance of a false alarm."""

from functools import partial

import numpy as np
import pandas as pd

from bench.verdict.made_users import (
    CALLED,
    GUARDRAIL,
    PRIMARY,
    aggregates_of,
    by_lot,
    judged,
    metrics,
    users_of,
)
from bench.verdict.rates import FALSE, Found, Scenario
from offline.experiment.aggregates.metric_sql import Progress
from offline.experiment.sequential import looks

_DAYS = 14


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
    return {"any difference significant": found[CALLED]}


def watched(rng: np.random.Generator, users: int, effect: float) -> Found:
    """Every day looked at, the always-valid interval and the plain one; the metric is a ratio."""
    arm = by_lot(rng, users)
    taste = rng.gamma(4, 0.25, users) * np.where(arm == "T1", 1 + effect / 100, 1.0)
    sessions = rng.poisson(rng.gamma(2, 0.15, users)[:, None], (users, _DAYS))
    user, day = np.nonzero(sessions)
    below = sessions[user, day].astype(float)
    rows = {"user_id": user.astype(str), "treatment": arm[user], "period": day}
    above = rng.gamma(2 * below, (taste / 2)[user])
    order = np.lexsort((user, day))
    frame = pd.DataFrame(rows | {"above": above, "below": below}).iloc[order]
    total = np.bincount(user, above, users)
    table = users_of(arm, sessions.sum(axis=1), total)
    made = aggregates_of(table, progress={PRIMARY: Progress(frame.reset_index(drop=True))})
    found = looks(made, "T1", metrics()[PRIMARY])
    missed: Found = {
        "always-valid interval misses the true effect at some look": any(
            not look.lower <= effect <= look.upper for look in found
        ),
        "fixed-horizon interval misses it at some look": any(
            not look.fixed_lower <= effect <= look.fixed_upper for look in found
        ),
    }
    return missed if found else dict.fromkeys(missed)


def several_at_once() -> list[Scenario]:
    """Bounds are those of the documentation."""
    three = (PRIMARY, "mean_session_length", GUARDRAIL)
    found = [
        Scenario(
            name,
            partial(several, users=400, primaries=primaries, arms=arms),
            {"any difference significant": FALSE},
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
            f"looked at for 14 days, 400 users, true effect {effect:+g} %",
            partial(watched, users=400, effect=effect),
            {"always-valid interval misses the true effect at some look": FALSE},
        )
        for effect in (0.0, 20.0)
    ]
    return found
