"""Verdicts by rules other than superiority; see `rule.py`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from offline.errors import InputError
from offline.experiment.analysis import Analysis
from offline.experiment.checks.log_checks import first_stop, headline
from offline.experiment.rule import Rule
from offline.experiment.stats.comparison import Comparison, Interval
from offline.experiment.stats.equivalence import two_one_sided
from offline.experiment.stats.levels import interval_at
from offline.experiment.verdict.roles import deciding_interval
from offline.experiment.verdict.verdict import Verdict, harm
from offline.experiment.words import interval, label, percent

Finding = Literal["shown", "refuted", "beyond", "open"]
"""By a rule: beyond is better by more than what equivalence allows."""


def decide(
    analysis: Analysis,
    verdicts: Sequence[Verdict],
    rule: Rule,
    names: Mapping[str, str],
) -> tuple[Verdict, ...]:
    """The verdicts by a rule; those that something stopped stay as they are.

    With several treatments each one's interval is as wide as for all together (Bonferroni).
    Raises InputError where there are several primary metrics.
    """
    if rule.kind != "superiority" and len(analysis.metrics.primaries) > 1:
        several = ", ".join(metric.name for metric in analysis.metrics.primaries)
        raise InputError(f"rule {rule} decides by one primary metric, not by {several}")
    if rule.kind == "superiority" or analysis.ratio.mismatch:
        return tuple(verdicts)
    told = headline(analysis.checks)
    return tuple(
        verdict
        if first_stop(analysis.checks, verdict.treatment, analysis.control) is not None
        else _decided(analysis, verdict.treatment, rule, names, told)
        for verdict in verdicts
    )


@dataclass(frozen=True)
class _Found:
    """One treatment in the deciding metric."""

    treatment: str
    control: str
    title: str
    evidence: str
    finding: Finding | None


def _decided(
    analysis: Analysis,
    treatment: str,
    rule: Rule,
    names: Mapping[str, str],
    told: str,
) -> Verdict:
    row = analysis.deciding(treatment)
    ends, confidence = deciding(analysis, row, rule)
    metric = analysis.primary
    title, arm = metric.called, label(treatment, names)
    if row.change is None or ends is None:
        why = row.notes or "there is no interval for its effect"
        sentence = f"No verdict on {arm}: it cannot be judged on {title} by {rule}: {why}."
        return Verdict(treatment, "open", sentence + told)
    kind = "always-valid " if analysis.options.sequential else ""
    how = "" if row.method == "Welch" or analysis.options.sequential else f" by {row.method}"
    control, treated = row.users
    evidence = (
        f"{percent(row.change)}, {kind}{100 * confidence:.5g} % interval{how} {interval(*ends)}; "
        f"{treated:,} users against {control:,}"
    )
    finding = find(analysis, row, rule)
    found = _Found(arm, label(analysis.control, names), title, evidence, finding)
    outcome, text = (_held_out if rule.kind == "holdout" else _within)(found, rule)
    if outcome == "wins" and rule.kind != "holdout":
        outcome, text = _guarded(analysis, treatment, text)
    text += harm(analysis, treatment, {metric.name})
    return Verdict(treatment, outcome, f"{text}." + told)


def find(analysis: Analysis, row: Comparison, rule: Rule) -> Finding | None:
    """Outcome of a rule other than superiority on a row; None if it has none."""
    ends, _ = deciding(analysis, row, rule)
    if row.change is None or ends is None:
        return None
    more = analysis.metrics[row.effect.metric].more_is_better
    worst, best = ends if more else (-ends[1], -ends[0])
    margin = rule.margin or 0.0
    if rule.kind == "equivalence":
        if -margin < worst and best < margin:
            return "shown"
        return "beyond" if worst > margin else "refuted" if best < -margin else "open"
    return "shown" if worst > -margin else "refuted" if best < -margin else "open"


def deciding(analysis: Analysis, row: Comparison, rule: Rule) -> tuple[Interval | None, float]:
    """The interval that a rule uses for a row, in percent, and its confidence."""
    alpha = analysis.options.alpha
    if analysis.options.sequential or rule.kind == "superiority":
        return deciding_interval(analysis, row), 1 - alpha
    level = two_one_sided(alpha) if rule.kind == "equivalence" else 1 - alpha
    return interval_at(row, 1 - (1 - level) / (len(analysis.aggregates.arms) - 1))


Ruling = tuple[Literal["wins", "loses", "open"], str]


def _within(found: _Found, rule: Rule) -> Ruling:
    """Non-inferiority and equivalence."""
    margin = rule.margin or 0.0
    what = f"{found.treatment} is shown to be at most {margin:g} % worse than {found.control}"
    wrong = f"it is more than {margin:g} % worse"
    if rule.kind == "equivalence":
        what = f"{found.treatment} is shown to be within {margin:g} % of {found.control}"
        wrong = f"it differs by more than {margin:g} %"
    on = f"on {found.title} ({found.evidence})"
    if found.finding == "shown":
        return "wins", f"Ship {found.treatment} if it is worth it otherwise: {what} {on}"
    if found.finding == "beyond":
        return "open", f"Not equivalent: {wrong} {on}"
    if found.finding == "refuted":
        return "loses", f"Keep {found.control}: {wrong} {on}"
    kind = "no worse" if rule.kind == "non-inferiority" else "alike"
    return (
        "open",
        f"Keep {found.control} for now: {found.treatment} is not shown to be {kind} within "
        f"{margin:g} % {on}",
    )


def _held_out(found: _Found, rule: Rule) -> Ruling:
    """The treatment is what everybody else has had since."""
    over = f"over the holdout {found.control} on {found.title} ({found.evidence})"
    if found.finding == "shown":
        return "wins", f"Keep {found.treatment}: what was shipped since is a gain {over}"
    if found.finding == "refuted":
        return "loses", f"Go back on {found.treatment}: what was shipped since is a loss {over}"
    return "open", f"No gain or loss of {found.treatment} is shown {over}"


def _guarded(analysis: Analysis, treatment: str, text: str) -> Ruling:
    guards = [
        f"{analysis.metrics[guard.metric].called} {guard.status}"
        for guard in analysis.guardrails
        if guard.treatment == treatment and guard.status != "holds"
    ]
    if not guards:
        return "wins", text
    told = ", ".join(guards)
    return "open", f"Not yet, as guardrails do not hold ({told}). Else: {text}"
