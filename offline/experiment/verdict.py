"""The analysis said in words: the decision on each treatment, and its reason."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from statsmodels.stats.multitest import multipletests

from offline.experiment.analysis import DECIDING, Analysis
from offline.experiment.assignment import CONTROL
from offline.experiment.checks import Check, first_stop, headline
from offline.experiment.comparison import Comparison
from offline.experiment.effects import CONFIDENCE
from offline.experiment.gains import gain
from offline.experiment.guardrails import Guardrail
from offline.experiment.health import SampleRatio
from offline.experiment.metrics import BY_NAME
from offline.experiment.roles import is_share
from offline.experiment.words import interval, label, percent

Interval = tuple[float, float]


@dataclass(frozen=True)
class Verdict:
    """One sentence about one treatment, and its gist for colouring."""

    treatment: str
    outcome: Literal["wins", "loses", "open"]
    sentence: str


def verdicts(analysis: Analysis, names: Mapping[str, str]) -> tuple[Verdict, ...]:
    """A verdict on every treatment; `names` says what C, T1, ... stand for.

    None is given where users were not split as they should have been: whatever moved some of
    them from one side to the other may be what makes the difference; nor where a check of the log
    says that it cannot be relied on. Where there are several treatments, their p-values are
    adjusted for that (Holm). A winner is shipped only where every guardrail is shown to hold; what
    it makes significantly worse is told.
    """
    treatments = [arm.treatment for arm in analysis.aggregates.arms[1:]]
    if analysis.ratio.mismatch:
        return tuple(
            Verdict(name, "open", _mismatch(name, analysis.ratio, names)) for name in treatments
        )
    rows = [analysis.deciding(name) for name in treatments]
    found = _found(analysis, rows)
    told = headline(analysis.checks)
    judged = []
    for row, is_found in zip(rows, found, strict=True):
        stop = first_stop(analysis.checks, row.effect.treatment)
        if stop is None:
            verdict = _verdict(analysis, row, is_found, names)
            judged.append(replace(verdict, sentence=verdict.sentence + told))
        else:
            judged.append(_stopped(row.effect.treatment, stop, names))
    return tuple(judged)


def _found(analysis: Analysis, rows: Sequence[Comparison]) -> list[bool]:
    """Whether each deciding row has a difference, over all treatments taken together."""
    if analysis.options.sequential:
        return [  # that interval holds for all treatments together
            bool(looks) and looks[-1].excludes_zero
            for looks in (analysis.looks[row.effect.treatment] for row in rows)
        ]
    values = [row.p for row in rows if row.p is not None]
    adjusted = iter(multipletests(values, method="holm")[1] if values else ())
    return [row.p is not None and float(next(adjusted)) < 1 - CONFIDENCE for row in rows]


def _mismatch(treatment: str, ratio: SampleRatio, names: Mapping[str, str]) -> str:
    users = f"{ratio.users[treatment]:,} users against {ratio.users[CONTROL]:,}"
    wanted = f"{ratio.expected[treatment]:,.0f} against {ratio.expected[CONTROL]:,.0f}"
    return (
        f"No verdict on {label(treatment, names)}: it has {users} where {wanted} were "
        f"expected (sample ratio mismatch, p = {ratio.p:.1g}). Find out who is missing first."
    )


def _stopped(treatment: str, stop: Check, names: Mapping[str, str]) -> Verdict:
    place = f" in {label(stop.treatment, names)}" if stop.treatment else ""
    sentence = f"No verdict on {label(treatment, names)}: {stop.text}{place}. {stop.advice}"
    return Verdict(treatment, "open", sentence)


def _verdict(
    analysis: Analysis, row: Comparison, is_found: bool, names: Mapping[str, str]
) -> Verdict:
    arm = row.effect.treatment
    treatment, control = label(arm, names), label(CONTROL, names)
    metric = BY_NAME[DECIDING].title.lower()
    ends = _interval(analysis, row)
    if row.change is None or ends is None:
        why = row.notes or _undefined(analysis)
        sentence = f"No verdict on {treatment}: it cannot be judged against {control} on {metric}:"
        return Verdict(arm, "open", f"{sentence} {why}.")
    effect = percent(row.change)
    evidence = _evidence(analysis, row, ends)
    if not is_found:
        sentence = f"Keep {control} for now: no significant difference of {treatment} on {metric}"
        alone = row.p is not None and row.p < 1 - CONFIDENCE and not analysis.options.sequential
        several = ", once it is one of several treatments" if alone else ""
        return Verdict(arm, "open", f"{sentence}{several}: {effect} ({evidence}).")
    if row.change < 0:
        sentence = f"Keep {control}: {treatment} loses to it on {metric} by {effect}"
        return Verdict(arm, "loses", f"{sentence} ({evidence}).")
    guards = [guard for guard in analysis.guardrails if guard.treatment == arm]
    broken = [guard for guard in guards if guard.status == "broken"]
    doubtful = [guard for guard in guards if guard.status == "not shown"]
    beats = f"beats {control} on {metric} by {effect} ({evidence})"
    harm = _harm(analysis, arm, {guard.metric for guard in broken})
    if broken:
        sentence = f"Do not ship {treatment} yet: it {beats}, but {_broken(broken)}{harm}."
        return Verdict(arm, "open", sentence)
    if doubtful:
        shown = " and ".join(_not_shown(guard, analysis) for guard in doubtful)
        return Verdict(arm, "open", f"Not yet: {treatment} {beats}, but {shown}{harm}.")
    return Verdict(arm, "wins", f"Ship {treatment}: it {beats}{harm}.")


def _evidence(analysis: Analysis, row: Comparison, ends: Interval) -> str:
    kind = "always-valid 95 % interval" if analysis.options.sequential else "95 % interval"
    how = ""
    if row.method.startswith("CUPED"):
        how += " after CUPED"
    if row.method.endswith("permutation") and not analysis.options.sequential:
        how += " by permutation"
    if row.cap is not None:
        how += f", capped at {analysis.options.cap:g} %"
    control, treated = row.users
    return f"{kind}{how} {interval(*ends)}; {treated:,} users against {control:,}"


def _harm(analysis: Analysis, arm: str, told: set[str]) -> str:
    """What the treatment makes significantly worse, all rows allowed for; "" for nothing."""
    worse = []
    for row in analysis.comparisons:
        metric = BY_NAME[row.effect.metric]
        if row.effect.treatment != arm or metric.name in told or row.change is None:
            continue
        significant = row.p_holm is not None and row.p_holm < 1 - CONFIDENCE
        if significant and (row.change > 0) != metric.more_is_better:
            size = gain(row, metric).text if is_share(metric) else percent(row.change)
            worse.append(f"{metric.title.lower()} {size}")
    return f"; significantly worse: {', '.join(worse)}" if worse else ""


def _interval(analysis: Analysis, row: Comparison) -> Interval | None:
    if not analysis.options.sequential:
        return row.relative
    looks = analysis.looks[row.effect.treatment]
    return (looks[-1].lower, looks[-1].upper) if looks else None


def _undefined(analysis: Analysis) -> str:
    if analysis.options.sequential:
        return "there are too few users for a first look"
    return "the control mean is too uncertain to divide by"


def _broken(guards: Sequence[Guardrail]) -> str:
    return " and ".join(f"{_changed(guard)} breaks {_margin(guard)}" for guard in guards)


def _not_shown(guard: Guardrail, analysis: Analysis) -> str:
    """That a guardrail is not shown to hold, and how many users would show it."""
    title = BY_NAME[guard.metric].title.lower()
    ends = ""
    if guard.lower is not None and guard.upper is not None:
        ends = f", {interval(guard.lower, guard.upper)}"
    changed = "undefined" if guard.effect is None else percent(guard.effect)
    text = f"it is not shown that {title} ({changed}{ends}) stays within {_margin(guard)}"
    if guard.needed is None:
        return text
    users = {arm.treatment: arm.users for arm in analysis.aggregates.arms}
    treated, control = users[guard.treatment], users[CONTROL]
    if guard.needed <= 1:
        return f"{text}, which so many users should have shown if nothing had changed"
    wanted = [round_up(guard.needed * count) for count in (treated, control)]
    return f"{text}: if nothing changes, it takes {wanted[0]:,} users against {wanted[1]:,}"


def round_up(users: float) -> int:
    """To two digits: nobody can promise more."""
    step = 10.0 ** max(0, math.floor(math.log10(users)) - 1)
    return int(math.ceil(users / step) * step)


def _changed(guard: Guardrail) -> str:
    changed = "undefined" if guard.effect is None else percent(guard.effect)
    return f"{BY_NAME[guard.metric].title.lower()} {changed}"


def _margin(guard: Guardrail) -> str:
    sign = "−" if BY_NAME[guard.metric].more_is_better else "+"
    return f"{sign}{guard.margin:g} %"
