"""What would change the verdict on a treatment, and the basis of that verdict."""

import math
from collections.abc import Sequence

from scipy import stats

from offline.experiment.analysis import Analysis
from offline.experiment.guardrails import Guardrail
from offline.experiment.metrics import Metric
from offline.experiment.rule import Rule
from offline.experiment.stats.comparison import Comparison
from offline.experiment.stats.effects import standard_error
from offline.experiment.stats.power import POWER, users_factor
from offline.experiment.verdict.gains import gain
from offline.experiment.verdict.roles import deciding_interval, is_better, is_stopped, significant
from offline.experiment.verdict.rules import deciding, find
from offline.experiment.verdict.verdict import Verdict, round_up
from offline.experiment.words import percent

_MOST = 100.0
"""Above this factor on the users the page gives no number: it is out of reach."""


def gain_in_words(analysis: Analysis, treatment: str) -> str:
    """The primary metrics' differences in absolute terms; "" where there is no verdict."""
    if is_stopped(analysis, treatment):
        return ""
    told = []
    rows = analysis.primary_rows(treatment)
    for row in rows:
        own = gain(row, analysis.metrics[row.effect.metric])
        if own.words:
            # With looks before the end, the interval of one look must not be used.
            ends = "" if analysis.options.sequential or not own.ends else f" ({own.ends})"
            title = f"{own.metric.called}: " if len(rows) > 1 else ""
            told.append(title + own.words + ends)
    text = "; ".join(told)
    return text[:1].upper() + text[1:] + "." if text else ""


def outlook(analysis: Analysis, verdict: Verdict, rule: Rule | None = None) -> list[str]:
    """A sentence each: what would make the verdict another one; none where it is stopped.

    `rule` is the one by which it was given; None: superiority.
    """
    treatment = verdict.treatment
    if is_stopped(analysis, treatment):
        return []
    guards = [guard for guard in analysis.guardrails if guard.treatment == treatment]
    if rule is not None and rule.kind in ("non-inferiority", "equivalence"):
        return _by_rule(analysis, verdict, rule, guards)
    rows = analysis.primary_rows(treatment)
    shown = [row for row in rows if significant(analysis, row)]
    if verdict.outcome == "open":
        better = [row for row in shown if is_better(analysis, row)]
        if len(better) < len(shown):
            return [_two_ways(analysis, shown)]
        told = [] if better else [_users_for_difference(analysis, row) for row in rows]
        begin = "It would ship"
        if any(told):
            begin = "With a gain that is shown, it would ship"
        told += [_guard(analysis, guard, begin) for guard in guards if guard.status != "holds"]
    else:
        told = [_kept(analysis, row) for row in shown]
        if verdict.outcome == "wins" and (rule is None or rule.kind != "holdout"):
            told += [_room(guard, analysis.metrics[guard.metric]) for guard in guards]
    return [sentence for sentence in told if sentence]


def _by_rule(
    analysis: Analysis, verdict: Verdict, rule: Rule, guards: Sequence[Guardrail]
) -> list[str]:
    """How far the interval misses or clears the margin of a rule."""
    row = analysis.deciding(verdict.treatment)
    metric, finding = analysis.metrics[row.effect.metric], find(analysis, row, rule)
    if finding is None:
        return [f"A verdict on {metric.called} needs more users, or a control that is not 0."]
    margin = f"{rule.margin:g} %"
    if finding in ("refuted", "beyond"):
        side = "worse" if finding == "refuted" else "better"
        return [
            f"The whole interval of {metric.called} is more than {margin} {side}: more users are "
            "unlikely to change that."
        ]
    told = []
    if finding == "shown":
        ends, _ = deciding(analysis, row, rule)
        assert ends is not None
        far = max(ends, key=abs) if rule.kind == "equivalence" else ends[not metric.more_is_better]
        allowed = {True: "±", False: "−" if metric.more_is_better else "+"}
        told.append(
            f"The far end of the interval of {metric.called} is {percent(far)}, where "
            f"{allowed[rule.kind == 'equivalence']}{margin} is allowed."
        )
    else:
        factor = _users_within(analysis, row, rule)
        if factor is not None and factor <= _MOST:
            told.append(
                f"If in truth nothing changes, {_users(analysis, row, factor)} would show in 80 % "
                f"of the tests that {metric.called} stays within {margin}."
            )
        else:
            told.append(
                f"Over {_MOST:.0f} times the users would be needed to show that {metric.called} "
                f"stays within {margin}."
            )
    begin = "It would ship" if finding == "shown" else "With that shown, it would ship"
    for guard in guards:
        if guard.status != "holds":
            told.append(_guard(analysis, guard, begin))
        elif verdict.outcome == "wins":
            told.append(_room(guard, analysis.metrics[guard.metric]))
    return told


def _users_within(analysis: Analysis, row: Comparison, rule: Rule) -> float | None:
    """Factor on the users with which 80 % of tests without an effect meet the rule.

    None without spread.
    """
    if row.moments is None or rule.margin is None:
        return None
    error, control = standard_error(*row.moments), row.moments[0].mean
    if not error > 0 or math.isinf(error) or not control:
        return None
    _, sure = deciding(analysis, row, rule)
    times = float(stats.norm.ppf((1 + sure) / 2))
    if analysis.options.sequential:
        some = analysis.looks_of[row.effect.metric][row.effect.treatment]
        times = some[-1].times if some else times
    # Equivalence needs both ends within the margin: each may fail in half of the remaining tests.
    wanted = POWER + (1 - POWER) / 2 if rule.kind == "equivalence" else POWER
    return users_factor(abs(rule.margin / 100 * control), error, times, wanted)


def users_for_difference(analysis: Analysis, row: Comparison) -> float | None:
    """Factor on the users with which 80 % of tests detect a difference as large as observed.

    For several treatments or primary metrics with Bonferroni's adjustment, which needs a little
    more than Holm's. None without a difference or spread.
    """
    if row.moments is None:
        return None
    error, difference = standard_error(*row.moments), row.moments[1].mean - row.moments[0].mean
    if not error > 0 or math.isinf(error) or not difference:
        return None
    times = float(stats.norm.ppf(1 - analysis.options.alpha / 2 / _tests(analysis)))
    if analysis.options.sequential:
        some = analysis.looks_of[row.effect.metric][row.effect.treatment]
        times = some[-1].times if some else times
    return users_factor(abs(difference), error, times)


def _tests(analysis: Analysis) -> int:
    """How many the verdict is adjusted for."""
    return (len(analysis.aggregates.arms) - 1) * len(analysis.metrics.primaries)


def _two_ways(analysis: Analysis, rows: Sequence[Comparison]) -> str:
    """For one that is better in a primary metric and worse in another."""
    sides: dict[bool, list[str]] = {True: [], False: []}
    for row in rows:
        sides[is_better(analysis, row)].append(analysis.metrics[row.effect.metric].called)
    return (
        f"It is better in {' and '.join(sides[True])}, worse in {' and '.join(sides[False])}: "
        "more users are unlikely to change that. Decide before the next test which of them counts."
    )


def _users_for_difference(analysis: Analysis, row: Comparison) -> str:
    """For a primary metric that shows no difference, or has no test."""
    metric = analysis.metrics[row.effect.metric].called
    if significant(analysis, row):
        return ""
    if row.change is None or row.p is None:
        return f"A verdict on {metric} needs more users, or a control that is not 0."
    factor = users_for_difference(analysis, row)
    smallest = ""
    if row.detectable is not None and _tests(analysis) == 1:
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
    sides = [round_up(max(factor, 1.0) * users[name]) for name in (arm, analysis.control)]
    if sides[0] == sides[1]:
        return f"{sides[0]:,} users per arm"
    return f"{sides[0]:,} users against {sides[1]:,}"


def _guard(analysis: Analysis, guard: Guardrail, begin: str) -> str:
    metric = analysis.metrics[guard.metric]
    limit = f"{metric.called} {{}} to stay within {_limit(guard, metric)}"
    if guard.status == "broken":
        return (
            f"{begin} if {metric.called} stayed within {_limit(guard, metric)}: more users are "
            "unlikely to change that, a milder treatment may."
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
    metric, ends = analysis.metrics[row.effect.metric].called, deciding_interval(analysis, row)
    if ends is None or row.change is None:
        return ""
    near = percent(min(ends, key=abs))
    return (
        f"The near end of the interval of {metric} is {near}: more users would narrow it and are "
        "unlikely to change the verdict."
    )


def _room(guard: Guardrail, metric: Metric) -> str:
    worst = guard.lower if metric.more_is_better else guard.upper
    if worst is None:
        return f"Guardrail {metric.called} holds: it is 0 in both arms."
    return (
        f"Guardrail {metric.called} holds: at worst {percent(worst)}, where "
        f"{_limit(guard, metric)} is allowed."
    )


def _limit(guard: Guardrail, metric: Metric) -> str:
    return f"{'−' if metric.more_is_better else '+'}{guard.margin:g} %"
