"""What would change the decision on a treatment, and what it rests on."""

import math

from scipy import stats

from offline.experiment.analysis import Analysis
from offline.experiment.assignment import CONTROL
from offline.experiment.comparison import Comparison
from offline.experiment.effects import standard_error
from offline.experiment.gains import gain
from offline.experiment.guardrails import Guardrail
from offline.experiment.metrics import Metric
from offline.experiment.power import users_factor
from offline.experiment.report_rows import is_stopped
from offline.experiment.roles import (
    alpha,
    called,
    deciding_interval,
    is_primary,
    metric_of,
    significant,
)
from offline.experiment.verdict import Verdict, round_up
from offline.experiment.words import percent

_MOST = 100.0
"""So many times the users are more than anybody will wait for."""


def gain_in_words(analysis: Analysis, treatment: str) -> str:
    """The primary metrics' differences in absolute terms; "" where there is no verdict."""
    if is_stopped(analysis, treatment):
        return ""
    told = []
    for row in _primary_rows(analysis, treatment):
        own = gain(row, metric_of(analysis, row.effect.metric))
        if own.words:
            # Whoever looks before the end may not rest on the interval of one look.
            ends = "" if analysis.options.sequential or not own.ends else f" ({own.ends})"
            told.append(own.words + ends)
    text = "; ".join(told)
    return text[:1].upper() + text[1:] + "." if text else ""


def outlook(analysis: Analysis, verdict: Verdict) -> list[str]:
    """A sentence each: what would make the verdict another one; none where it is stopped."""
    treatment = verdict.treatment
    if is_stopped(analysis, treatment):
        return []
    guards = [guard for guard in analysis.guardrails if guard.treatment == treatment]
    rows = _primary_rows(analysis, treatment)
    if verdict.outcome == "open":
        told = [_users_for_difference(analysis, row) for row in rows]
        begin = "It would ship"
        if any(told):
            begin = "With a gain that is shown, it would ship"
        told += [_guard(analysis, guard, begin) for guard in guards if guard.status != "holds"]
    else:
        told = [_kept(analysis, row) for row in rows]
        if verdict.outcome == "wins":
            told += [_room(guard, metric_of(analysis, guard.metric)) for guard in guards]
    return [sentence for sentence in told if sentence]


def users_for_difference(analysis: Analysis, row: Comparison) -> float | None:
    """How many times the users find, in 80 % of the tests, a difference as large as the one seen.

    With several treatments as many as Bonferroni's adjustment takes, a little more than Holm's.
    None where there is no difference, or no spread to go by.
    """
    if row.moments is None:
        return None
    error, difference = standard_error(*row.moments), row.moments[1].mean - row.moments[0].mean
    if not error > 0 or math.isinf(error) or not difference:
        return None
    times = float(stats.norm.ppf(1 - alpha(analysis) / 2 / _treatments(analysis)))
    if analysis.options.sequential:
        some = analysis.looks[row.effect.treatment]
        times = some[-1].times if some else times
    return users_factor(abs(difference), error, times)


def _treatments(analysis: Analysis) -> int:
    return len(analysis.aggregates.arms) - 1


def _primary_rows(analysis: Analysis, treatment: str) -> list[Comparison]:
    return [
        row
        for row in analysis.comparisons
        if row.effect.treatment == treatment and is_primary(analysis, row.effect.metric)
    ]


def _users_for_difference(analysis: Analysis, row: Comparison) -> str:
    """For a primary metric that shows no difference, or has no test."""
    metric = called(metric_of(analysis, row.effect.metric))
    if significant(analysis, row):
        return ""
    if row.change is None or row.p is None:
        return f"A verdict on {metric} needs more users, or a control that is not 0."
    factor = users_for_difference(analysis, row)
    smallest = ""
    if row.detectable is not None and _treatments(analysis) == 1:
        smallest = f"; this test finds effects of {row.detectable:.2g} % or more"
    if factor is None or factor > _MOST:
        return (
            f"Over {_MOST:.0f} times the users would be needed to find a difference in {metric} "
            f"as small as the one seen ({percent(row.change)}){smallest}."
        )
    users = _users(analysis, row, factor)
    return (
        f"If {percent(row.change)} is the true effect on {metric}, {users} would show it in 80 % "
        f"of the tests{smallest}."
    )


def _users(analysis: Analysis, row: Comparison | Guardrail, factor: float) -> str:
    """`1,300 users against 1,200`, at most as many as there are for a factor of 1."""
    users = {arm.treatment: arm.users for arm in analysis.aggregates.arms}
    arm = row.treatment if isinstance(row, Guardrail) else row.effect.treatment
    sides = [round_up(max(factor, 1.0) * users[name]) for name in (arm, CONTROL)]
    if sides[0] == sides[1]:
        return f"{sides[0]:,} users a side"
    return f"{sides[0]:,} users against {sides[1]:,}"


def _guard(analysis: Analysis, guard: Guardrail, begin: str) -> str:
    metric = metric_of(analysis, guard.metric)
    limit = f"{called(metric)} {{}} to stay within {_limit(guard, metric)}"
    if guard.status == "broken":
        return (
            f"{begin} if {called(metric)} stayed within {_limit(guard, metric)}: more users will "
            "hardly change that, a milder treatment may."
        )
    if guard.needed is None:
        return f"{begin} once {limit.format('is shown')}."
    if guard.needed <= 1:
        return (
            f"{begin} once {limit.format('is shown')}. So many users should have shown it if "
            "nothing had changed: something probably did."
        )
    return (
        f"{begin} with {_users(analysis, guard, guard.needed)}, which is what it takes for "
        f"{limit.format('to be shown')} in 80 % of the tests, if in truth nothing changes."
    )


def _kept(analysis: Analysis, row: Comparison) -> str:
    """How far the interval is from no difference."""
    metric, ends = called(metric_of(analysis, row.effect.metric)), deciding_interval(analysis, row)
    if ends is None or row.change is None:
        return ""
    near = percent(min(ends, key=abs))
    return (
        f"The interval of {metric} comes no nearer to 0 than {near}: more users will make it "
        "narrower, and hardly another decision."
    )


def _room(guard: Guardrail, metric: Metric) -> str:
    worst = guard.lower if metric.more_is_better else guard.upper
    if worst is None:
        return f"Guardrail {called(metric)} holds: it is 0 on both sides."
    return (
        f"Guardrail {called(metric)} holds: at worst {percent(worst)}, where "
        f"{_limit(guard, metric)} is allowed."
    )


def _limit(guard: Guardrail, metric: Metric) -> str:
    return f"{'−' if metric.more_is_better else '+'}{guard.margin:g} %"
