"""The verdict on each treatment as a sentence, with its reason."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from offline.experiment.analysis import Analysis
from offline.experiment.checks.log_checks import Check, first_stop, headline
from offline.experiment.guardrails import Guardrail
from offline.experiment.metrics import Metrics
from offline.experiment.stats.comparison import Comparison
from offline.experiment.verdict.gains import gain
from offline.experiment.verdict.roles import (
    deciding_interval,
    differing,
    is_better,
    is_judged,
    is_share,
    is_worse,
    margins,
    matters,
    significant,
)
from offline.experiment.words import confidence, interval, label, percent

Interval = tuple[float, float]


@dataclass(frozen=True)
class Verdict:
    """One sentence about one treatment, and its gist for colouring."""

    treatment: str
    outcome: Literal["wins", "loses", "open"]
    sentence: str


def verdicts(analysis: Analysis, names: Mapping[str, str]) -> tuple[Verdict, ...]:
    """The verdict on every treatment, in a sentence.

    There is none where users were not split as they should have been, as the cause of that may be
    the cause of the difference too, nor where a check of the log fails. With several treatments or
    primary metrics, p-values are adjusted for that (Holm). A winner is better in a primary metric
    and worse in none; it is shipped only where every guardrail is shown to hold.

    Parameters
    ----------
    analysis : Analysis
    names : mapping of str to str
        What C, T1, ... are called.

    Returns
    -------
    tuple of Verdict
        With `treatment`, `outcome` ("wins", "loses" or "open") and `sentence`.

    Examples
    --------
    >>> from offline import open_logs
    >>> from offline.experiment import Options, aggregate, analyse, verdicts
    >>> with open_logs(["log"]) as log:
    ...     aggregates = aggregate(log, "AB")
    >>> analysis = analyse(aggregates, options=Options(draws=0))
    >>> [verdict.outcome for verdict in verdicts(analysis, {"T1": "DAE"})]
    ['wins']
    """
    treatments = [arm.treatment for arm in analysis.aggregates.arms[1:]]
    if analysis.ratio.mismatch:
        return tuple(
            Verdict(name, "open", _mismatch(analysis, name, names)) for name in treatments
        )
    found = differing(analysis)
    told = headline(analysis.checks)
    judged = []
    for name in treatments:
        stop = first_stop(analysis.checks, name, analysis.control)
        if stop is None:
            verdict = _verdict(analysis, name, found, names)
            judged.append(replace(verdict, sentence=verdict.sentence + told))
        else:
            judged.append(_stopped(name, stop, names))
    return tuple(judged)


def _mismatch(analysis: Analysis, treatment: str, names: Mapping[str, str]) -> str:
    ratio, control = analysis.ratio, analysis.control
    users = f"{ratio.users[treatment]:,} users against {ratio.users[control]:,}"
    wanted = f"{ratio.expected[treatment]:,.0f} against {ratio.expected[control]:,.0f}"
    return (
        f"No verdict on {label(treatment, names)}: it has {users} where {wanted} were "
        f"expected (sample ratio mismatch, p = {ratio.p:.1g}). Find out who is missing first."
    )


def _stopped(treatment: str, stop: Check, names: Mapping[str, str]) -> Verdict:
    place = f" in {label(stop.treatment, names)}" if stop.treatment else ""
    sentence = f"No verdict on {label(treatment, names)}: {stop.text}{place}. {stop.advice}"
    return Verdict(treatment, "open", sentence)


def _verdict(
    analysis: Analysis, arm: str, found: Collection[tuple[str, str]], names: Mapping[str, str]
) -> Verdict:
    treatment, control = label(arm, names), label(analysis.control, names)
    rows = analysis.primary_rows(arm)
    known = [row for row in rows if is_judged(analysis, row)]
    if not known:
        what = " or ".join(analysis.metrics[row.effect.metric].called for row in rows)
        why = rows[0].notes or _undefined(analysis, rows[0])
        sentence = f"No verdict on {treatment}: it cannot be judged against {control} on {what}:"
        return Verdict(arm, "open", f"{sentence} {why}.")
    differing = [row for row in known if (arm, row.effect.metric) in found]
    better = [row for row in differing if is_better(analysis, row)]
    worse = [row for row in differing if row not in better]
    rest = _rest(analysis, rows, known, differing)
    if not differing:
        what = " or ".join(analysis.metrics[row.effect.metric].called for row in known)
        sentence = f"Keep {control} for now: no significant difference of {treatment} on {what}"
        alone = any(row.p is not None and row.p < analysis.options.alpha for row in known)
        several = " after correcting for several treatments"
        if len(rows) > 1:
            several = " after correcting for several comparisons"
        several = several if alone and not analysis.options.sequential else ""
        told = "; ".join(_effect(analysis, row, with_title=len(known) > 1) for row in known)
        return Verdict(arm, "open", f"{sentence}{several}: {told}{rest}.")
    if not better:
        sentence = f"Keep {control}: {treatment} loses to it {_on(analysis, worse)}{rest}."
        return Verdict(arm, "loses", sentence)
    beats = f"beats {control} {_on(analysis, better)}"
    if worse:
        loses = f"loses to it {_on(analysis, worse)}"
        sentence = f"No clear answer on {treatment}: it {beats}, but {loses}{rest}."
        return Verdict(arm, "open", sentence)
    guards = [guard for guard in analysis.guardrails if guard.treatment == arm]
    broken = [guard for guard in guards if guard.status == "broken"]
    doubtful = [guard for guard in guards if guard.status == "not shown"]
    told_already = {guard.metric for guard in (*broken, *doubtful)}
    told_already |= {row.effect.metric for row in rows}
    end = f"{rest}{harm(analysis, arm, told_already)}"
    if broken:
        reason = _broken(broken, analysis.metrics)
        return Verdict(arm, "open", f"Do not ship {treatment} yet: it {beats}, but {reason}{end}.")
    if doubtful:
        shown = " and ".join(_not_shown(guard, analysis) for guard in doubtful)
        return Verdict(arm, "open", f"Not yet: {treatment} {beats}, but {shown}{end}.")
    return Verdict(arm, "wins", f"Ship {treatment}: it {beats}{end}.")


def _on(analysis: Analysis, rows: Sequence[Comparison]) -> str:
    """`on session time by +12.0 % (95 % interval ...) and on ...`."""
    return " and ".join(
        f"on {analysis.metrics[row.effect.metric].called} by {_effect(analysis, row)}"
        for row in rows
    )


def _effect(analysis: Analysis, row: Comparison, *, with_title: bool = False) -> str:
    """`+12.0 % (95 % interval ...)`, of a row with both."""
    ends = deciding_interval(analysis, row)
    assert row.change is not None
    assert ends is not None
    title = f"{analysis.metrics[row.effect.metric].called} " if with_title else ""
    return f"{title}{percent(row.change)} ({_evidence(analysis, row, ends)})"


def _rest(
    analysis: Analysis,
    rows: Sequence[Comparison],
    known: Sequence[Comparison],
    differing: Sequence[Comparison],
) -> str:
    """The primary metrics without a result; "" for none."""
    told = []
    for row in rows:
        title = analysis.metrics[row.effect.metric].called
        if row not in known:
            told.append(f"{title} cannot be judged ({row.notes or _undefined(analysis, row)})")
        elif differing and row not in differing:
            told.append(f"no significant difference on {title}: {_effect(analysis, row)}")
    return "".join(f"; {some}" for some in told)


def _evidence(analysis: Analysis, row: Comparison, ends: Interval) -> str:
    sure = confidence(analysis.options.alpha)
    kind = f"{'always-valid ' if analysis.options.sequential else ''}{sure} interval"
    how = ""
    if row.method.startswith("CUPED"):
        how += " after CUPED"
    if row.method.endswith("permutation") and not analysis.options.sequential:
        how += " by permutation"
    if row.cap is not None:
        how += f", capped at {analysis.options.cap:g} %"
    control, treated = row.users
    return f"{kind}{how} {interval(*ends)}; {treated:,} users against {control:,}"


def harm(analysis: Analysis, arm: str, told: Collection[str]) -> str:
    """Significant harm by the treatment, with p adjusted over all rows; "" for none.

    Shares in points, and only if material: 29 times as much of next to nothing is no harm.
    Immaterial harm is listed separately. `told` has metrics to omit.
    """
    held = {
        guard.metric
        for guard in analysis.guardrails
        if guard.treatment == arm and guard.status == "holds"
    }
    guarded = margins(analysis)
    worse: dict[str, list[str]] = {"": [], ", but small": [], ", but within the margin": []}
    for row in analysis.comparisons:
        metric = analysis.metrics[row.effect.metric]
        if row.effect.treatment != arm or metric.name in told or not is_worse(analysis, row):
            continue
        if not significant(analysis, row):
            continue
        size = gain(row, metric).text
        if row.change is not None and not is_share(metric):
            size = percent(row.change)
        if matters(analysis, row) or (metric.name in guarded and metric.name not in held):
            worse[""].append(f"{metric.called} {size}")
        elif metric.name in held:
            worse[", but within the margin"].append(f"{metric.called} {size}")
        elif not is_share(metric):
            worse[", but small"].append(f"{metric.called} {size}")
    return "".join(
        f"; significantly worse{how}: {', '.join(some)}" for how, some in worse.items() if some
    )


def _undefined(analysis: Analysis, row: Comparison) -> str:
    if analysis.options.sequential:
        if not any(len(some.rows) for some in analysis.aggregates.progress.values()):
            return "without a time for each row there are no looks"
        return "there are too few users for a first look"
    if row.method.endswith("permutation"):
        return f"so few users set no bounds to the effect (permutation test, p = {row.p:.2g})"
    return "the control mean is too uncertain to divide by"


def _broken(guards: Sequence[Guardrail], metrics: Metrics) -> str:
    return " and ".join(
        f"{_changed(guard, metrics)} breaks {_margin(guard, metrics)}" for guard in guards
    )


def _not_shown(guard: Guardrail, analysis: Analysis) -> str:
    """That a guardrail is not shown to hold, and how many users would show it."""
    title = analysis.metrics[guard.metric].called
    ends = ""
    if guard.lower is not None and guard.upper is not None:
        ends = f", {interval(guard.lower, guard.upper)}"
    changed = "undefined" if guard.effect is None else percent(guard.effect)
    text = f"it is not shown that {title} ({changed}{ends}) stays within "
    text += _margin(guard, analysis.metrics)
    if guard.needed is None:
        return text
    users = {arm.treatment: arm.users for arm in analysis.aggregates.arms}
    treated, control = users[guard.treatment], users[analysis.control]
    if guard.needed <= 1:
        return f"{text}, which so many users should have shown if nothing had changed"
    wanted = [round_up(guard.needed * count) for count in (treated, control)]
    return f"{text}: if nothing changes, it takes {wanted[0]:,} users against {wanted[1]:,}"


def round_up(users: float) -> int:
    """To two digits, as more would be spurious."""
    step = 10.0 ** max(0, math.floor(math.log10(users)) - 1)
    return int(math.ceil(users / step) * step)


def _changed(guard: Guardrail, metrics: Metrics) -> str:
    changed = "undefined" if guard.effect is None else percent(guard.effect)
    return f"{metrics[guard.metric].called} {changed}"


def _margin(guard: Guardrail, metrics: Metrics) -> str:
    sign = "−" if metrics[guard.metric].more_is_better else "+"
    return f"{sign}{guard.margin:g} %"
