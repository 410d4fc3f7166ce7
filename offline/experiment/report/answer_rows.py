"""The page's sections beside the verdict: days, attributes, prior, other experiments, margins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from offline.experiment.analysis import Analysis
from offline.experiment.questions.answers_text import (
    chance_text,
    difference_text,
    interaction_notes,
    loss_text,
)
from offline.experiment.questions.ask import Answers
from offline.experiment.questions.days import FEWEST, ByDay
from offline.experiment.questions.parts import Part
from offline.experiment.report import answer_figures
from offline.experiment.report.figures import Picture
from offline.experiment.report.row_plot import RowPlot, row_plot, span_of
from offline.experiment.report.standing import Tone
from offline.experiment.stats.bayes import Reading
from offline.experiment.stats.comparison import Interval
from offline.experiment.words import confidence, date_text, interval, p_text, percent

Labels = Mapping[str, str]


@dataclass(frozen=True)
class PartRow:
    """One line of a table of parts: texts, and an interval plot where there is an interval."""

    name: str
    users: str
    effect: str
    interval: str
    found: str
    """p, or the finding in words."""
    plot: RowPlot | None
    note: str = ""
    tone: Tone = "flat"


@dataclass(frozen=True)
class PartTable:
    """Rows that are read together."""

    title: str
    head: str
    """Of the first column."""
    found: str
    """Of the last one."""
    rows: Sequence[PartRow]
    sentences: Sequence[str] = ()


@dataclass(frozen=True)
class Course:
    """The effect by day: a picture, the same in figures, and what the test of a trend found."""

    metric: str
    picture: Picture
    tables: Sequence[PartTable]
    sentences: Sequence[str]


@dataclass(frozen=True)
class Belief:
    """A Bayesian reading in words."""

    title: str
    chance: str
    effect: str
    shipping: str
    keeping: str
    note: str


def courses(
    analysis: Analysis, days: Sequence[ByDay], labels: Labels, *, dated: bool
) -> list[Course]:
    """By metric, where any treatment has an effect on two days; `dated` for calendar days."""
    found = []
    for metric in dict.fromkeys(some.metric for some in days):
        own = [some for some in days if some.metric == metric]
        picture = answer_figures.by_day(analysis, own, labels, dated=dated)
        if not picture:
            continue
        tables = [
            PartTable(
                labels[some.treatment],
                "Day" if dated else "Day since the first line",
                "",
                [
                    _part(date_text(day) if dated else f"{day}", part)
                    for day, part in zip(some.days, some.parts, strict=True)
                ],
            )
            for some in own
        ]
        told = [_trend(analysis, some, labels) for some in own]
        found.append(Course(analysis.metrics[metric].called, picture, tables, told))
    return found


def _trend(analysis: Analysis, some: ByDay, labels: Labels) -> str:
    name, drift = labels[some.treatment], some.drift
    if drift is None:
        return (
            f"{name}: no test of a trend, which takes three days with {FEWEST} users in each arm."
        )
    unit = " points a day" if drift.relative else f"{analysis.metrics[some.metric].unit} a day"
    scale = 1.0 if drift.relative else analysis.metrics[some.metric].scale
    slope, lower, upper = (
        f"{scale * end:+.3g}" for end in (drift.slope, drift.lower, drift.upper)
    )
    told = "no significant trend"
    if drift.p < analysis.options.alpha:
        told = f"the effect {'rises' if drift.slope > 0 else 'falls'} significantly"
    return (
        f"{name}: {told}: {slope}{unit} ({confidence(analysis.options.alpha)} interval {lower} to "
        f"{upper}; p = {drift.p:.2g}, {drift.days} days)."
    )


def attribute_tables(analysis: Analysis, answers: Answers, labels: Labels) -> list[PartTable]:
    """A table per attribute; all its rows share a scale."""
    tables = []
    sure = confidence(analysis.options.alpha)
    for attribute in dict.fromkeys(some.attribute for some in answers.segments):
        own = [some for some in answers.segments if some.attribute == attribute]
        span = _span([some.part for some in own])
        several = len({some.treatment for some in own}) > 1
        rows = [
            _part(
                f"{labels[some.treatment]}: {some.part.name}" if several else some.part.name,
                some.part,
                span,
                "no test" if some.p_holm is None else p_text(some.p_holm),
                f"{labels[some.treatment]} where {attribute} is {some.part.name}",
                sure,
            )
            for some in own
        ]
        told = [
            f"{labels[equal.treatment]}: the effects "
            f"{'differ' if equal.p < answers.alpha else 'do not differ significantly'} between "
            f"these segments (Cochran’s Q over {equal.segments} of them, p = {equal.p:.2g}, "
            "unadjusted)."
            for equal in answers.heterogeneity
            if equal.attribute == attribute
        ]
        tables.append(PartTable(attribute, attribute, "p, Holm", rows, told))
    return tables


def interaction_table(analysis: Analysis, answers: Answers, labels: Labels) -> PartTable | None:
    """The effect within the treatments of another experiment."""
    beside = answers.interactions
    if beside is None:
        return None
    span = _span([part for some in beside.found for part in some.within])
    rows = [
        _part(
            f"{labels[some.treatment]}, {beside.other} {part.name}",
            part,
            span,
            "no test" if part.p is None else p_text(part.p),
            f"{labels[some.treatment]} within {part.name} of {beside.other}",
            confidence(analysis.options.alpha),
        )
        for some in beside.found
        for part in some.within
    ]
    alpha = analysis.options.alpha
    told = [f"{labels[some.treatment]}: {difference_text(some, alpha)}." for some in beside.found]
    told += [f"{note[0].upper()}{note[1:]}." for note in interaction_notes(beside)]
    return PartTable(beside.other, "Within", "p", rows, told)


def equivalence_table(analysis: Analysis, answers: Answers, labels: Labels) -> PartTable | None:
    """Each effect against its margins."""
    rows = []
    several = len({some.treatment for some in answers.equivalences}) > 1
    for some in answers.equivalences:
        title = analysis.metrics[some.metric].title
        effect = "–" if some.effect is None else percent(some.effect)
        ends, plot = "no interval", None
        if some.lower is not None and some.upper is not None:
            ends = interval(some.lower, some.upper)
            kind = "always-valid " if some.method == "always-valid" else ""
            if some.effect is not None:
                told = (
                    f"{title} of {labels[some.treatment]}: effect {effect}, "
                    f"{kind}{100 * some.confidence:g} % interval {ends}"
                )
                at = [-some.margin, some.margin]
                plot = row_plot(some.effect, (some.lower, some.upper), "%", told, at)
            ends = f"{ends}, {kind}{100 * some.confidence:g} %"
        found = {
            "shown": f"no effect larger than {some.margin:g} %",
            "not shown": f"a larger effect than {some.margin:g} % is not ruled out",
            "refuted": f"the effect is larger than {some.margin:g} %",
        }[some.status]
        name = f"{title}, {labels[some.treatment]}" if several else title
        rows.append(PartRow(name, "", effect, ends, found, plot))
    return PartTable("", "Metric", "Found", rows) if rows else None


def beliefs(analysis: Analysis, answers: Answers, labels: Labels) -> list[Belief]:
    """Of the primary metrics."""
    primaries = [metric.name for metric in analysis.metrics.primaries]
    return [
        _belief(analysis, some, labels, len(primaries) > 1)
        for name in primaries
        for some in answers.readings
        if some.metric == name
    ]


def _belief(analysis: Analysis, some: Reading, labels: Labels, several: bool) -> Belief:
    title = labels[some.treatment]
    note = ""
    if some.surprising:
        note = (
            "So large an effect is not what this prior expects: give one that comes from past "
            "experiments (--prior)."
        )
    return Belief(
        f"{title}, {analysis.metrics[some.metric].called}" if several else title,
        chance_text(some.better),
        f"{percent(some.effect)} ({interval(some.lower, some.upper)})",
        loss_text(some.loss_of_shipping),
        loss_text(some.loss_of_keeping),
        note,
    )


def _span(parts: Sequence[Part]) -> Interval:
    return span_of(
        [
            (part.effect, part.interval)
            for part in parts
            if part.effect is not None and part.interval is not None
        ]
    )


def _part(
    name: str,
    part: Part,
    span: Interval | None = None,
    found: str = "",
    told: str = "",
    sure: str = "",
) -> PartRow:
    """`told` is the subject of the plot's description for screen readers; "" for no plot."""
    effect = "–" if part.effect is None else percent(part.effect)
    ends = "no interval" if part.interval is None else interval(*part.interval)
    plot = None
    if told and part.effect is not None and part.interval is not None:
        text = f"{told}: effect {effect}, {sure} interval {ends}"
        plot = row_plot(part.effect, part.interval, "%", text, (), span)
    users = f"{part.users[1]:,} : {part.users[0]:,}"
    return PartRow(name, users, effect, ends, found, plot, part.note)
