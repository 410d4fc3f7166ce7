"""The effect tables of the page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from offline.experiment.analysis import Analysis
from offline.experiment.metrics import Metric
from offline.experiment.report.row_plot import RowPlot, row_plot
from offline.experiment.report.standing import standing
from offline.experiment.rule import Rule
from offline.experiment.stats.absolute import absolute
from offline.experiment.stats.comparison import Comparison, Interval
from offline.experiment.verdict.gains import Gain, gain, signed
from offline.experiment.verdict.roles import (
    groups,
    guardrail_of,
    is_primary,
    is_share,
    is_stopped,
    margins,
)
from offline.experiment.verdict.rules import deciding
from offline.experiment.words import confidence, interval, percent


@dataclass(frozen=True)
class EffectRow:
    """A row of the effect table as the page shows it."""

    metric: Metric
    control: str
    treatment: str
    effect: str
    interval: str
    beside: str
    """The relative change where `effect` is in points."""
    words: str
    tone: str
    """good, bad or flat: for its colour; see `standing`."""
    found: str
    """Whether it is significant, and the result of its margin or the rule; "" without a test."""
    note: str
    plot: RowPlot | None
    figures: Mapping[str, str]
    """For the statistician."""


@dataclass(frozen=True)
class EffectGroup:
    """Rows that play the same part."""

    title: str
    meaning: str
    rows: Sequence[EffectRow]


@dataclass(frozen=True)
class EffectBlock:
    """Everything about one treatment."""

    treatment: str
    title: str
    colour: int
    stopped: bool
    """Whether its verdict is stopped, so that nothing of it is coloured."""
    groups: Sequence[EffectGroup]


def effect_blocks(
    analysis: Analysis, labels: Mapping[str, str], rule: Rule | None = None
) -> list[EffectBlock]:
    """A block for each treatment but the control, in the order of the arms."""
    rule = rule or Rule()
    blocks = []
    for colour, arm in enumerate(analysis.aggregates.arms[1:], 1):
        name = arm.treatment
        stopped = is_stopped(analysis, name)
        blocks.append(
            EffectBlock(
                name,
                f"{labels[name]} against {labels[analysis.control]}",
                colour,
                stopped,
                [
                    EffectGroup(
                        group.title,
                        group.meaning,
                        [_effect_row(analysis, row, rule) for row in group.rows],
                    )
                    for group in groups(analysis, name)
                ],
            )
        )
    return [block for block in blocks if block.groups]


def _effect_row(analysis: Analysis, row: Comparison, rule: Rule) -> EffectRow:
    effect, metric = row.effect, analysis.metrics[row.effect.metric]
    own = gain(row, metric)
    no_ratio = row.change is None or (row.relative is None and own.interval is not None)
    in_points = own.difference is not None and (is_share(metric) or no_ratio)
    relative = "–" if row.change is None else percent(row.change)
    ends = _ends(row.relative)
    beside = ""
    if in_points and row.change is not None:
        beside = f"{relative} of the control" + (f" ({ends})" if row.relative else "")
    stands = standing(analysis, row, rule)
    words = own.words
    if words and own.ends and not in_points:
        words += f" ({own.ends})"
    return EffectRow(
        metric=metric,
        control=metric.shown(effect.control_mean),
        treatment=metric.shown(effect.treatment_mean),
        effect=own.text if in_points else relative,
        interval=(own.ends or "–") if in_points else ends,
        beside=beside,
        words="" if is_share(metric) and own.difference else words,
        tone=stands.tone,
        found=stands.words,
        note="; ".join(filter(None, (row.notes or _unbounded(row), _rests(analysis, row, rule)))),
        plot=_plot(row, metric, own, in_points, _limits(analysis, row, rule)),
        figures=_figures(row, own),
    )


def _plot(
    row: Comparison, metric: Metric, own: Gain, in_points: bool, limits: Sequence[float]
) -> RowPlot | None:
    sure = confidence(row.alpha)
    if in_points and own.difference is not None and own.interval is not None:
        control = row.effect.control_mean
        scale = abs(control or 0) * metric.scale / 100
        told = f"{metric.title}: difference {own.text}, {sure} interval {own.ends}"
        at = [limit * scale for limit in limits if scale]
        return row_plot(own.difference, own.interval, own.unit.strip(), told, at)
    if row.change is None or row.relative is None:
        return None
    told = (
        f"{metric.title}: effect {percent(row.change)}, {sure} interval {interval(*row.relative)}"
    )
    return row_plot(row.change, row.relative, "%", told, limits)


def _limits(analysis: Analysis, row: Comparison, rule: Rule) -> list[float]:
    """Margins of a guardrail, or of the rule, in percent with their signs."""
    worse = -1 if analysis.metrics[row.effect.metric].more_is_better else 1
    found = []
    if is_primary(analysis, row.effect.metric) and rule.margin is not None:
        found.append(worse * rule.margin)
        if rule.kind == "equivalence":
            found.append(-worse * rule.margin)
    margin = margins(analysis).get(row.effect.metric)
    return found if margin is None else [*found, worse * margin]


def _figures(row: Comparison, own: Gain) -> dict[str, str]:
    """Undefined values are omitted."""
    effect, adjusted, raw = row.table, row.adjusted, absolute(row)
    table = None
    if effect.lower is not None and effect.upper is not None:
        table = effect.lower, effect.upper
    scale, degrees = own.metric.scale, raw.degrees_of_freedom
    error = None if raw.standard_error is None else raw.standard_error * scale
    found = {
        "Users, treatment : control": f"{row.users[1]:,} : {row.users[0]:,}",
        "Decided by": "–" if row.method == "none" else row.method,
        "Effect": "–" if row.change is None else percent(row.change),
        "Fieller": _ends(row.fieller),
        "Table’s interval": _ends(table),
        "Uncapped": "–" if row.uncapped is None else _ends(row.uncapped.relative),
        "CUPED": _ends(row.cuped),
        "Variance taken by CUPED": "–"
        if adjusted is None
        else f"{100 * adjusted.reduction:.0f} %",
        "Bootstrap": _ends(row.bootstrap),
        "Difference": own.text,
        "Its interval": own.ends or "–",
        "Its standard error": "–" if error is None else signed(error).lstrip("+") + own.unit,
        "Degrees of freedom": "–" if degrees is None else f"{degrees:,.0f}",
        "p": _p(row.p),
        "p, Holm": _p(row.p_holm),
        "p, Benjamini–Hochberg": _p(row.p_bh),
        "Detectable": "–" if row.detectable is None else f"{row.detectable:.2g} %",
    }
    return {name: text for name, text in found.items() if text != "–"}


def _p(value: float | None) -> str:
    return "–" if value is None else f"{value:.2g}"


def _rests(analysis: Analysis, row: Comparison, rule: Rule) -> str:
    """The interval that the verdict uses, if it is not the row's."""
    name = row.effect.metric
    if is_primary(analysis, name):
        ends, sure = deciding(analysis, row, rule)
        what = "the verdict rests"
    else:
        guard = guardrail_of(analysis, row)
        if guard is None:
            return ""
        ends, sure = None, 1 - row.alpha
        if guard.lower is not None and guard.upper is not None:
            ends = guard.lower, guard.upper
        what = "the guardrail rests"
    if ends == row.relative:
        return ""
    always = "always-valid " if analysis.options.sequential else ""
    told = f"too few users for {'a look' if always else 'one'}"
    told = told if ends is None else interval(*ends)
    return f"{what} on the {always}{100 * sure:.5g} % interval, not on this one: {told}"


def _unbounded(row: Comparison) -> str:
    if row.change is None or row.relative is not None or row.method == "none":
        return ""
    if row.method.endswith("permutation"):
        return "so few users set no bounds to the effect: no interval"
    return "the control mean is too uncertain to divide by: no relative interval"


def _ends(found: Interval | None) -> str:
    return "–" if found is None else interval(*found)
