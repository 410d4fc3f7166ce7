"""Calibration on one bot, heavy tails, small arms, guardrails and segments."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from bench.verdict import arms
from bench.verdict.rates import FEW, Found, Scenario
from offline.experiment.guardrails import guard
from offline.experiment.sequential import width
from offline.experiment.stats.comparison import Comparison, compare_samples
from offline.experiment.stats.effects import ALPHA, Moments, welch_p
from offline.experiment.stats.power import Plan
from offline.experiment.stats.sample import Sample

_DRAWS = 498
_GUARDED = "sessions"


def aa(rng: np.random.Generator, make: Callable[[np.random.Generator], arms.Arms]) -> Found:
    """An A/A test: called significant, called worse, and the results of simpler tests."""
    control, treated = make(rng)
    row = _row(control, treated)
    plain = _delta_p(control, treated)
    found: Found = {"significant": None if row.p is None else row.p < ALPHA}
    lost = row.change is not None and row.change < 0
    found["of these, negative"] = lost if found["significant"] else None
    found["no test (too few)"] = row.p is None
    found["without leverage or permutation"] = None if math.isnan(plain) else plain < ALPHA
    return found


def cuped(rng: np.random.Generator, make: Callable[[np.random.Generator], arms.Arms]) -> Found:
    """An A/A test in which CUPED decides."""
    row = _row(*make(rng), cuped=True)
    return {"significant": None if row.p is None else row.p < ALPHA}


def covers(
    rng: np.random.Generator, make: Callable[[np.random.Generator], arms.Arms], effect: float
) -> Found:
    """Whether the interval misses the true effect, in percent."""
    row = _row(*make(rng))
    if row.relative is None:
        return {"interval misses": None, "no interval": True}
    return {"interval misses": not row.relative[0] <= effect <= row.relative[1]}


def guarded(rng: np.random.Generator, users: int, change: float) -> Found:
    """A guardrail of 10 % on sessions with this true change, in percent."""
    counts = [rng.negative_binomial(4, 4 / (4 + 5 * scale), users) for scale in _scales(change)]
    row = _row(*(Sample.of(some.astype(np.float64)) for some in counts))
    [found] = guard([replace(row, effect=replace(row.effect, metric=_GUARDED))], {_GUARDED: 10.0})
    return {"holds": found.status == "holds", "broken": found.status == "broken"}


def watched(rng: np.random.Generator, users: int, change: float, looks: int = 14) -> Found:
    """The same, looked at every day and taken at its best moment."""
    first: float | None = None
    found = {"holds at some look": False, "holds at some look, if one look were meant": False}
    sums = [np.zeros(users), np.zeros(users)]
    rates = [rng.gamma(4, 1.25 / looks, users) * scale for scale in _scales(change)]
    for _ in range(looks):
        sums = [some + rng.poisson(rate) for some, rate in zip(sums, rates, strict=True)]
        row = _row(*(Sample.of(some) for some in sums))
        assert row.moments is not None
        error = math.sqrt(sum(arm.variance_of_mean for arm in row.moments))
        error /= abs(row.moments[0].mean)
        first = first or error
        row = replace(row, effect=replace(row.effect, metric=_GUARDED))
        times = {"T1": width(error, first, ALPHA)}
        for name, meant in zip(found, (times, None), strict=True):
            [now] = guard([row], {_GUARDED: 10.0}, meant)
            found[name] = found[name] or now.status == "holds"
    return dict(found)


def _scales(change: float) -> tuple[float, float]:
    return 1.0, 1 + change / 100


def planned(users: int) -> float:
    """Percent of the guardrails without a change that `plan` says will be shown to hold."""
    spread = math.sqrt(5 + 25 / 4)
    return 100 * Plan(5.0, spread).guardrail(-10, users)


def cut(rng: np.random.Generator, users: int) -> Found:
    """Segments by activity: more sessions in the treatment, none of them any different."""
    before = rng.gamma(2, 2, (2, users))
    during = rng.poisson(before * np.array([[1.0], [1.3]])) + 1.0
    # Users with more sessions hear more of each, treatment or not.
    value = before * 0.2 + rng.normal(0, 0.3, (2, users)) + 3
    found: Found = {}
    for name, activity in (("cut before", before), ("cut after treatment", during)):
        edges = np.quantile(activity, [1 / 3, 2 / 3])
        places = np.searchsorted(edges, activity)
        ps = []
        for place in range(3):
            row = _row(*(Sample.of(value[i, places[i] == place]) for i in range(2)))
            ps.append(1.0 if row.p is None else row.p)
        found[f"{name}: any of three (Bonferroni)"] = 3 * min(ps) < ALPHA
    return found


def _row(control: Sample, treated: Sample, *, cuped: bool = False) -> Comparison:
    return compare_samples("T1", "x", control, treated, cuped=cuped, draws=_DRAWS)


def _delta_p(control: Sample, treated: Sample) -> float:
    """Welch's p, of a ratio by the plain delta method; NaN where it is undefined."""
    moments = []
    for arm in (control, treated):
        values = arm.contributions
        moments.append(Moments.of(values[~np.isnan(values)]))
    return welch_p(*moments) if min(one.n for one in moments) > 1 else math.nan


def _split(draw: arms.Draw, n: int, m: int, **more: float | bool) -> Callable[..., arms.Arms]:
    return partial(arms.split, draw=draw, n=n, m=m, **more)  # type: ignore[arg-type]


_LOG = arms.mean(arms.lognormal)


def nasty() -> list[Scenario]:
    """Bounds are those of the documentation."""
    made = [
        ("one bot, ratio, 500 against 500", _split(arms.one_bot, 500, 500)),
        ("one bot, ratio, 30 against 30", _split(arms.one_bot, 30, 30)),
        ("Pareto activity, ratio, 500 against 500", _split(arms.pareto, 500, 500)),
        ("Pareto activity, ratio, 900 against 100", _split(arms.pareto, 900, 100)),
        ("ordinary ratio, 100 against 100", _split(arms.sessions, 100, 100)),
        ("ordinary ratio, 30 against 30", _split(arms.sessions, 30, 30)),
        ("denominators 0 or 1, 100 against 100", _split(arms.one_or_none, 100, 100)),
        ("28 users, 90/10 at random, lognormal", _split(_LOG, 25, 3, by_lot=True)),
        ("100 users, 90/10 at random, lognormal", _split(_LOG, 90, 10, by_lot=True)),
        ("1,000 users, 90/10, lognormal", _split(_LOG, 900, 100)),
        ("30 against 30, lognormal", _split(_LOG, 30, 30)),
        ("100 against 100, lognormal", _split(_LOG, 100, 100)),
        ("30 against 30, 93 % zeros", _split(arms.mean(arms.rare), 30, 30)),
        ("300 against 300, 93 % zeros", _split(arms.mean(arms.rare), 300, 300)),
        ("100,000 against 10, lognormal", _split(_LOG, 100_000, 10)),
        ("100 against 100, negative", _split(arms.mean(arms.negative), 100, 100)),
        ("100 against 100, constant", _split(arms.mean(arms.constant), 100, 100)),
    ]
    found = [Scenario(name, partial(aa, make=make), {"significant": 6.0}) for name, make in made]
    for name, draw, n, m in (
        ("CUPED, 100 against 100, lognormal", _LOG, 100, 100),
        ("CUPED, 30 against 30, lognormal", _LOG, 30, 30),
        ("CUPED, 180 against 20, lognormal", _LOG, 180, 20),
        ("CUPED, ordinary ratio, 100 against 100", arms.sessions, 100, 100),
        ("CUPED, one bot, ratio, 500 against 500", arms.one_bot, 500, 500),
        ("CUPED, one bot, ratio, 30 against 30", arms.one_bot, 30, 30),
        ("CUPED, Pareto activity, ratio, 500 against 500", arms.pareto, 500, 500),
        ("CUPED, Pareto activity, ratio, 60 against 60", arms.pareto, 60, 60),
        ("CUPED, Pareto activity, ratio, 30 against 30", arms.pareto, 30, 30),
    ):
        paired = partial(arms.with_past, draw=draw, n=n, m=m)
        found.append(Scenario(name, partial(cuped, make=paired), {"significant": 6.0}))
    for name, draw, n, m, effect in (
        ("+30 %, 30 against 30, gamma", arms.mean(_gamma), 30, 30, 1.3),
        ("+30 %, 180 against 20, gamma", arms.mean(_gamma), 180, 20, 1.3),
        ("+30 %, ratio, 100 against 100", arms.sessions, 100, 100, 1.3),
    ):
        make = _split(draw, n, m, effect=effect)
        test = partial(covers, make=make, effect=100 * (effect - 1))
        found.append(Scenario(name, test, {"interval misses": 6.0}))
    for change, share in ((-20.0, 2.5), (-10.0, 3.5), (0.0, 100.0)):
        test = partial(guarded, users=1000, change=change)
        name = f"guardrail of 10 % on sessions, which change by {change:g} %, 1,000 users per arm"
        found.append(Scenario(name, test, {"holds": share}))
    at_margin = partial(watched, users=200, change=-10.0)
    name = "guardrail of 10 %, sessions change by -10 %, looked at for 14 days"
    found.append(Scenario(name, at_margin, {"holds at some look": 3.5}, tests=FEW))
    name = "segments, 300 users per arm, no effect on the value"
    bounds = {"cut before: any of three (Bonferroni)": 6.0}
    found.append(Scenario(name, partial(cut, users=300), bounds))
    return found


def _gamma(rng: np.random.Generator, n: int) -> arms.Floats:
    return rng.gamma(2, 1, n)
