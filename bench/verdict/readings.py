"""What an interval is read as: equivalence, and the Bayesian reading."""

import math
from functools import partial
from itertools import pairwise

import numpy as np

from bench.verdict.rates import FALSE, STATED, Found, Scenario
from offline.experiment.stats.bayes import readings as readings_of
from offline.experiment.stats.comparison import Comparison, compare_samples
from offline.experiment.stats.equivalence import equivalence
from offline.experiment.stats.sample import Sample

_DRAWS = 498
_BINS = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


def _row(rng: np.random.Generator, users: int, ratio: float) -> Comparison:
    """`users` per arm; the treatment's mean is `ratio` times the control's."""
    control, treated = rng.gamma(2, 1, (2, users))
    return compare_samples("T1", "x", Sample.of(control), Sample.of(ratio * treated), draws=_DRAWS)


def equivalent(rng: np.random.Generator, users: int, ratio: float, margin: float) -> Found:
    """Whether an effect is shown to be below a margin, in percent."""
    status = equivalence(_row(rng, users, ratio), margin).status
    return {"shown to be within the margin": status == "shown", "refuted": status == "refuted"}


def bayes(rng: np.random.Generator, users: int, spread: float, given: float) -> Found:
    """The reading of a test whose effect is from a prior; `spread` and `given` in percent.

    `spread` is the prior's, of the logarithm; `given` is what the reading takes it for.
    """
    ratio = math.exp(rng.normal(0, spread / 100)) if spread else 1.0
    [reading] = readings_of([_row(rng, users, ratio)], lambda _: True, given)
    effect = 100 * (ratio - 1)
    found: Found = {"interval misses": not reading.lower <= effect <= reading.upper}
    if not spread:
        found["P(better than the control) over 95 %"] = reading.better > 0.95
        found["P(better than the control) under 5 %"] = reading.better < 0.05
        return found
    names = [
        f"is better, where P(better) is {100 * low:g} to {100 * high:g} %"
        for low, high in pairwise(_BINS)
    ]
    found |= dict.fromkeys(names)
    name = names[int(np.searchsorted(_BINS[1:-1], reading.better, "right"))]
    found[name] = effect > 0
    found[name + STATED] = reading.better
    found["expected loss of shipping in %, stated − true"] = reading.loss_of_shipping - max(
        -effect, 0.0
    )
    return found


def readings() -> list[Scenario]:
    """Bounds are those of the documentation."""
    shown = "shown to be within the margin"
    found = [
        Scenario(
            f"equivalence, {users} users per arm, true effect {100 * ratio - 100:+.3g} %,"
            " margin 5 %",
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
            unbiased=["expected loss of shipping in %, stated − true"],
        ),
        Scenario(
            "Bayesian reading, 400 users per arm, A/A, prior of 10 %",
            partial(bayes, users=400, spread=0.0, given=10.0),
            {
                "interval misses": FALSE,
                "P(better than the control) over 95 %": FALSE,
                "P(better than the control) under 5 %": FALSE,
            },
        ),
    ]
    return found
