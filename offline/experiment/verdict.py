"""The analysis said in words: the decision on each treatment, and its reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from statsmodels.stats.multitest import multipletests

from offline.experiment.analysis import DECIDING, Analysis
from offline.experiment.assignment import CONTROL
from offline.experiment.checks import Check, first_stop, headline
from offline.experiment.comparison import Comparison
from offline.experiment.effects import CONFIDENCE
from offline.experiment.guardrails import Guardrail
from offline.experiment.health import SampleRatio
from offline.experiment.metrics import BY_NAME

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
    says that it cannot be relied on. Where there are several
    treatments, their p-values are adjusted for that (Holm). A winner that breaks a guardrail is
    not to be shipped.
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


def label(treatment: str, names: Mapping[str, str]) -> str:
    """ "DAE (T1)" where the name of T1 is known, else "T1"."""
    return f"{names[treatment]} ({treatment})" if treatment in names else treatment


def percent(value: float) -> str:
    """A signed percentage with as many decimals as matter: +84.3 %, +1,250 %."""
    decimals = 0 if abs(value) >= 1000 else 1 if abs(value) >= 10 else 2
    rounded = round(value, decimals)
    return f"{rounded:+,.{decimals}f} %" if rounded else "0 %"


def interval(lower: float, upper: float) -> str:
    """Both ends with one percent sign: +79.1 to +89.6 %."""
    return f"{percent(lower).removesuffix(' %')} to {percent(upper)}"


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
    if row.effect.effect is None or ends is None:
        why = row.effect.note or _undefined(analysis)
        sentence = f"No verdict on {treatment}: it cannot be judged against {control} on {metric}:"
        return Verdict(arm, "open", f"{sentence} {why}.")
    users = [len(analysis.aggregates.values(side, DECIDING)) for side in (arm, CONTROL)]
    kind = "always-valid 95 % interval" if analysis.options.sequential else "95 % interval"
    evidence = f"{kind} {interval(*ends)}; {users[0]:,} users against {users[1]:,}"
    effect = percent(row.effect.effect)
    if not is_found:
        sentence = f"Keep {control} for now: no significant difference of {treatment} on {metric}"
        alone = row.effect.significant and not analysis.options.sequential
        several = ", once it is one of several treatments" if alone else ""
        return Verdict(arm, "open", f"{sentence}{several}: {effect} ({evidence}).")
    if row.effect.effect < 0:
        sentence = f"Keep {control}: {treatment} loses to it on {metric} by {effect}"
        return Verdict(arm, "loses", f"{sentence} ({evidence}).")
    guards = [guard for guard in analysis.guardrails if guard.treatment == arm]
    reason = f"it beats {control} on {metric} by {effect} ({evidence})"
    if broken := [guard for guard in guards if guard.status == "broken"]:
        sentence = f"Do not ship {treatment} yet: {reason}, but {_told(broken)}."
        return Verdict(arm, "open", sentence)
    if doubtful := [guard for guard in guards if guard.status == "not shown"]:
        return Verdict(arm, "wins", f"Ship {treatment}: {reason}; not shown: {_told(doubtful)}.")
    return Verdict(arm, "wins", f"Ship {treatment}: {reason}.")


def _interval(analysis: Analysis, row: Comparison) -> Interval | None:
    if not analysis.options.sequential:
        return row.relative
    looks = analysis.looks[row.effect.treatment]
    return (looks[-1].lower, looks[-1].upper) if looks else None


def _undefined(analysis: Analysis) -> str:
    if analysis.options.sequential:
        return "there are too few users for a first look"
    return "the control mean is too uncertain to divide by"


def _told(guards: Sequence[Guardrail]) -> str:
    told = []
    for guard in guards:
        metric = BY_NAME[guard.metric]
        sign = "−" if metric.more_is_better else "+"
        changed = "undefined" if guard.effect is None else percent(guard.effect)
        if guard.status == "broken":
            told.append(f"{metric.title.lower()} {changed} breaks {sign}{guard.margin:g} %")
        else:
            told.append(
                f"that {metric.title.lower()} ({changed}) stays within {sign}{guard.margin:g} %"
            )
    return " and ".join(told)
