"""The answers as text and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from offline.experiment.aggregates.triggered import Dilution, diluted
from offline.experiment.checks.sample_ratio import LEAST_P
from offline.experiment.checks.split_checks import SplitFault
from offline.experiment.questions.ask import Answers
from offline.experiment.questions.attribute_segments import AttributeSegment
from offline.experiment.questions.days import ByDay
from offline.experiment.questions.interaction import Interaction, Interactions
from offline.experiment.questions.parts import Part
from offline.experiment.stats.bayes import Reading
from offline.experiment.stats.equivalence import Equivalence
from offline.experiment.words import confidence, date_text, interval, percent


def answers_text(answers: Answers) -> list[str]:
    """A line each; the Bayesian reading is that of the first primary metric only."""
    lines = [] if answers.dilution is None else dilution_lines(answers, answers.dilution)
    lines += [_equivalence(some) for some in answers.equivalences]
    lines += [_reading(some) for some in answers.readings if some.metric == answers.metric]
    if answers.source == "table":
        lines.append(f"a table does not tell {answers.metric} by day: that needs LOGS")
    since = " since a user's first line"
    for found, told in ((answers.days_of, ""), (answers.ages_of, since)):
        every = [some for days in found.values() for some in days]
        lines += [_drift(some, told, answers.alpha) for some in every if some.drift is not None]
    lines += [*_segments(answers), *(fault_text(fault) for fault in answers.split_faults)]
    return lines + _interactions(answers)


def answers_json(answers: Answers) -> dict[str, Any]:
    """Everything, as JSON values."""
    return {
        "rule": str(answers.rule),
        "dilution": answers.dilution
        and asdict(answers.dilution) | {"share": answers.dilution.share},
        "equivalence": [asdict(some) for some in answers.equivalences],
        "bayesian": [asdict(some) for some in answers.readings],
        "attribute_segments": [_segment(some) for some in answers.segments],
        "heterogeneity": [asdict(some) for some in answers.heterogeneity],
        "without_attributes": answers.without_attributes,
        "split_faults": [asdict(fault) for fault in answers.split_faults],
        "interaction": answers.interactions and _interactions_json(answers.interactions),
        "by_day": [_by_day(some, True) for some in answers.days],
        "by_days_since_first": [_by_day(some, False) for some in answers.ages],
        "by_day_of": _by_metric(answers.days_of, True),
        "by_days_since_first_of": _by_metric(answers.ages_of, False),
    }


def dilution_lines(answers: Answers, dilution: Dilution) -> list[str]:
    """How experiments with precedence dilute the effects; [] if they do not."""
    if not dilution.decided:
        return []
    others = ", ".join(f"{count:,} by {name}" for name, count in dilution.decided.items())
    names = " and ".join(dilution.decided)
    several = "s" if len(dilution.decided) > 1 else ""
    decide = "decide" if several else "decides"
    head = (
        f"the experiment{several} {names} above {decide} for some of the {dilution.users:,} users"
    )
    if not dilution.triggered:
        return [
            f"{head} ({others}): their answers cannot differ, and every effect is diluted to some "
            f"{100 * dilution.share:.0f} % of itself; --triggered judges the others alone"
        ]
    lines = [f"{head} ({others}): they are left out (--triggered)"]
    for treatment, effect in answers.effects.items():
        if effect is not None:
            lines.append(
                f"  {treatment}: over all users its effect on {answers.metric} is about "
                f"{percent(diluted(effect, dilution.share))}, if they are alike"
            )
    return lines


def _equivalence(some: Equivalence) -> str:
    if some.lower is None or some.upper is None:
        ends = "no interval"
    else:
        kind = "always-valid " if some.method == "always-valid" else ""
        ends = f"{kind}{100 * some.confidence:g} % interval {interval(some.lower, some.upper)}"
    told = {
        "shown": f"no effect larger than {some.margin:g} %",
        "not shown": f"an effect larger than {some.margin:g} % is not ruled out",
        "refuted": f"the effect is larger than {some.margin:g} %",
    }[some.status]
    changed = "" if some.effect is None else f"{percent(some.effect)}; "
    return f"equivalence {some.treatment} {some.metric}: {told} ({changed}{ends})"


def _reading(some: Reading) -> str:
    text = (
        f"Bayesian reading of {some.treatment} {some.metric}: better with probability "
        f"{chance_text(some.better)}; expected loss {loss_text(some.loss_of_shipping)} if "
        f"shipped, {loss_text(some.loss_of_keeping)} if not "
        f"(prior: effects of 0 ± {some.prior:g} %)"
    )
    if some.surprising:
        text += "; so large an effect is not what that prior expects: give one that does (--prior)"
    return text


def loss_text(loss: float) -> str:
    """In percent, with two digits where there are no more before the point."""
    if loss < 0.01:  # 0 is one that is too small for a number here: no data makes it certain
        return "under 0.01 %"
    return f"{loss:.2g} %" if loss < 99.5 else f"{loss:,.0f} %"


def _drift(some: ByDay, since: str, alpha: float) -> str:
    assert some.drift is not None
    drift = some.drift
    unit = " points a day" if drift.relative else " a day"
    slope, lower, upper = (f"{end:+.3g}" for end in (drift.slope, drift.lower, drift.upper))
    told = "drifts" if drift.p < alpha else "does not drift significantly"
    return (
        f"effect of {some.treatment} on {some.metric} over the days{since}: {told} "
        f"({slope}{unit}, {confidence(alpha)} interval {lower} to {upper}; "
        f"p = {drift.p:.2g}, {drift.days} days)"
    )


def _by_metric(found: Mapping[str, Sequence[ByDay]], dated: bool) -> dict[str, Any]:
    return {metric: [_by_day(some, dated) for some in days] for metric, days in found.items()}


def _by_day(some: ByDay, dated: bool) -> dict[str, Any]:
    return {
        "treatment": some.treatment,
        "metric": some.metric,
        "days": [
            {"day": date_text(day) if dated else day} | _part(part)
            for day, part in zip(some.days, some.parts, strict=True)
        ],
        "drift": None if some.drift is None else asdict(some.drift),
    }


def _segments(answers: Answers) -> list[str]:
    """A line per segment; in the order of the attributes."""
    if not answers.segments:
        return []
    lines = [
        "segments by attribute are exploratory: p is Holm's, over all of them; what looks "
        "different here is a question for another test"
    ]
    for some in answers.segments:
        part, p = some.part, "-" if some.p_holm is None else f"{some.p_holm:.2g}"
        lines.append(
            f"  {some.treatment} where {some.attribute} is {part.name}: {_effect(part)}; p = {p}; "
            f"{part.users[1]:,} users against {part.users[0]:,}"
        )
    for equal in answers.heterogeneity:
        told = "differ" if equal.p < answers.alpha else "do not differ significantly"
        lines.append(
            f"  effects of {equal.treatment} by {equal.attribute} {told} "
            f"(Cochran's Q over {equal.segments} segments, unadjusted p = {equal.p:.2g})"
        )
    if answers.without_attributes:
        lines.append(f"  nothing is known of {answers.without_attributes:,} users")
    return lines


def _effect(part: Part) -> str:
    if part.effect is None:
        return part.note or "undefined"
    ends = "no interval" if part.interval is None else interval(*part.interval)
    return f"{percent(part.effect)} ({ends})"


def _segment(some: AttributeSegment) -> dict[str, Any]:
    return {
        "treatment": some.treatment,
        "attribute": some.attribute,
        "value": some.part.name,
        "p_holm": some.p_holm,
    } | _part(some.part)


def _interactions(answers: Answers) -> list[str]:
    beside = answers.interactions
    if beside is None:
        return []
    lines = []
    for some in beside.found:
        one, other = some.within
        lines.append(
            f"interaction with {beside.other}: {some.treatment} in its {one.name} {_effect(one)}, "
            f"in its {other.name} {_effect(other)}; {difference_text(some, answers.alpha)}"
        )
    if not lines:
        lines.append(f"interaction with {beside.other}:")
    return lines + [f"  {note}" for note in interaction_notes(beside)]


def difference_text(some: Interaction, alpha: float) -> str:
    """Whether the effect differs between the treatments of the other experiment."""
    if some.points is None or some.points_interval is None or some.points_p is None:
        return "no difference between the two effects can be told"
    lower, upper = (f"{end:+.3g}" for end in some.points_interval)
    told = "differ" if some.points_p < alpha else "do not differ significantly"
    return (
        f"the two effects {told}: {some.points:+.3g} points "
        f"({confidence(alpha)} interval {lower} to {upper}; p = {some.points_p:.2g})"
    )


def interaction_notes(beside: Interactions) -> list[str]:
    """What stands in the way of an answer: sentences without a capital and a full stop."""
    notes = []
    if not beside.found:
        notes.append(f"the users of {beside.other} do not have two treatments here")
    if beside.left_out:
        notes.append(
            f"{beside.left_out:,} users have no treatment of {beside.other}, or several: they are "
            "left out here"
        )
    if beside.assignment_p is not None and beside.assignment_p < LEAST_P:
        notes.append(
            "the assignments of the two experiments depend on each other (chi-squared, "
            f"p = {beside.assignment_p:.1g}): their effects cannot be told apart"
        )
    return notes


def _interactions_json(beside: Interactions) -> dict[str, Any]:
    return {
        "other": beside.other,
        "left_out": beside.left_out,
        "assignment_p": beside.assignment_p,
        "found": [
            asdict(some) | {"within": [{"within": p.name} | _part(p) for p in some.within]}
            for some in beside.found
        ],
    }


def fault_text(fault: SplitFault) -> str:
    """A day or a segment that was not split as it should have been."""
    users = ", ".join(
        f"{name} {count:,} where {fault.expected[name]:,.0f} were expected"
        for name, count in fault.users.items()
    )
    return (
        f"sample ratio off where {fault.by} is {fault.name}: {users} "
        f"(p = {fault.p_holm:.2g}, Holm): find out who is missing"
    )


def _part(part: Part) -> dict[str, Any]:
    return {
        "users": {"control": part.users[0], "treatment": part.users[1]},
        "effect": part.effect,
        "interval": part.interval,
        "difference": part.difference,
        "p": part.p,
        "method": part.method,
        "note": part.note,
    }


def chance_text(share: float) -> str:
    """Never 100 %: no data makes a prior certain."""
    if share > 0.999:
        return "over 99.9 %"
    return "under 0.1 %" if share < 0.001 else f"{100 * share:.1f} %"
