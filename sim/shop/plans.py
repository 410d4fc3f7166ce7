"""When a visitor comes to the shop, and what each visit is about."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.shop.behaviour import HOURS, WEEKDAYS
from sim.shop.world import DIMENSIONS, ShopWorld

DAY = 86_400
_HOURS = np.cumsum(HOURS) / sum(HOURS)
_DAYS = np.array(WEEKDAYS) / max(WEEKDAYS)
_TASTE_SHARE, _MOOD_SHARE = 0.7, 0.3


class Plan(NamedTuple):
    """One visit, before it takes place."""

    visitor: int
    number: int
    """Of this visitor's visits, from 0."""
    start: int
    """Seconds since the first midnight of the history, a Monday."""
    leaf: int
    """The category that it is about."""
    vector: NDArray[np.float32]
    """The taste; of length 1."""
    views: int
    """How many items the visitor looks at without being shown any; 1 or more."""
    propensity: float
    """The visitor's own part of the logit of a cart."""


def plans_of(world: ShopWorld, visitor: int) -> list[Plan]:
    """The visits of a visitor from the history's first day to the last day after it, in order."""
    of, rng = world.options.behaviour, world.stream(visitor)
    horizon = (world.options.days + world.options.days_after) * DAY
    n_visits = min(
        int(np.ceil(rng.lognormal(of.visits_log_mean, of.visits_log_sd))), of.most_visits
    )
    propensity = rng.normal(0.0, of.propensity_sd)
    n_tastes = 1 + int(rng.integers(0, 4))
    tastes = np.searchsorted(np.cumsum(world.leaf_weight), rng.random(n_tastes))
    tastes = np.minimum(tastes, len(world.leaf_weight) - 1)
    shares = np.cumsum(rng.dirichlet(np.full(n_tastes, 0.7)))
    own = rng.standard_normal(DIMENSIONS)
    own /= np.linalg.norm(own)
    day = rng.random() * horizon / DAY
    times: list[tuple[int, int]] = []
    for number in range(n_visits):
        if number:
            day += rng.lognormal(of.gap_log_mean, of.gap_log_sd)
        while rng.random() > _DAYS[int(day) % 7]:
            day += 1.0
        if day * DAY >= horizon:
            break
        hour = int(np.searchsorted(_HOURS, rng.random()))
        times.append((int(day) * DAY + min(hour, 23) * 3600 + int(rng.integers(0, 3600)), number))
    plans = []
    for number, (start, _) in enumerate(sorted(times)):
        leaf = int(tastes[min(int(np.searchsorted(shares, rng.random())), n_tastes - 1)])
        mood = rng.standard_normal(DIMENSIONS)
        mood = _TASTE_SHARE * own + _MOOD_SHARE * mood / np.linalg.norm(mood)
        vector = world.leaf_vectors[leaf] + 0.8 * mood
        vector /= np.linalg.norm(vector)
        views = int(np.ceil(rng.lognormal(of.views_log_mean, of.views_log_sd) - 0.5))
        views = min(max(1, views), of.most_views)
        plans.append(
            Plan(visitor, number, start, leaf, vector.astype(np.float32), views, propensity)
        )
    return plans
