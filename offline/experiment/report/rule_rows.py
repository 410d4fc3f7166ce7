"""The rule behind the verdict on the page, and the deciding interval."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from offline.experiment.analysis import Analysis
from offline.experiment.report.answer_rows import PartRow, PartTable
from offline.experiment.report.row_plot import row_plot
from offline.experiment.report.standing import standing
from offline.experiment.rule import Rule
from offline.experiment.verdict.rules import deciding
from offline.experiment.words import interval, percent

_NAMES = {
    "superiority": "Superiority",
    "non-inferiority": "Non-inferiority",
    "equivalence": "Equivalence",
    "holdout": "Holdout",
}


@dataclass(frozen=True)
class RuleSection:
    """The rule in words, and what it was applied to."""

    name: str
    sentences: Sequence[str]
    table: PartTable

    @property
    def margined(self) -> bool:
        """Whether its plots have bars."""
        return any(row.plot is not None and row.plot.margins for row in self.table.rows)


def rule_section(analysis: Analysis, rule: Rule, labels: Mapping[str, str]) -> RuleSection:
    """For every treatment and primary metric."""
    name = _NAMES[rule.kind] + ("" if rule.margin is None else f" within {rule.margin:g} %")
    treatments = [arm.treatment for arm in analysis.aggregates.arms[1:]]
    several = len(analysis.metrics.primaries) > 1
    rows = []
    for treatment in treatments:
        for row in analysis.primary_rows(treatment):
            metric = analysis.metrics[row.effect.metric]
            title = f"{labels[treatment]}, {metric.called}" if several else labels[treatment]
            ends, sure = deciding(analysis, row, rule)
            always = "always-valid " if analysis.options.sequential else ""
            kind = f"{always}{100 * sure:.5g} %"
            effect = "–" if row.change is None else percent(row.change)
            plot, told = None, "no interval"
            if row.change is not None and ends is not None:
                margins = _margins(rule, metric.more_is_better)
                text = f"{title}: effect {effect}, {kind} interval {interval(*ends)}"
                plot = row_plot(row.change, ends, "%", text, margins)
                told = f"{interval(*ends)}, {kind}"
            found = standing(analysis, row, rule)
            users = f"{row.users[1]:,} : {row.users[0]:,}"
            words = found.words or "no test"
            rows.append(PartRow(title, users, effect, told, words, plot, tone=found.tone))
    return RuleSection(
        name, _sentences(analysis, rule, labels), PartTable("", "Treatment", "Found", rows)
    )


def _margins(rule: Rule, more_is_better: bool) -> list[float]:
    if rule.margin is None:
        return []
    if rule.kind == "equivalence":
        return [-rule.margin, rule.margin]
    return [-rule.margin if more_is_better else rule.margin]


def _sentences(analysis: Analysis, rule: Rule, labels: Mapping[str, str]) -> list[str]:
    control = labels[analysis.control]
    what = " or ".join(metric.called for metric in analysis.metrics.primaries)
    margin = "" if rule.margin is None else f"{rule.margin:g} %"
    told = [
        {
            "superiority": f"A treatment ships where it is significantly better than {control} on "
            f"{what}{' and worse on none' if len(analysis.metrics.primaries) > 1 else ''}.",
            "non-inferiority": "A treatment may ship where it is shown to be at most "
            f"{margin} worse than {control} on {what}: its whole interval is on the good side of "
            "that margin. It need not be better: it is cheaper, or simpler.",
            "equivalence": f"A treatment may ship where its effect on {what} is shown to be "
            f"smaller than {margin} in either direction: its whole interval is between the "
            "margins.",
            "holdout": f"{control} was held back from what the others were given: the effect on "
            f"{what} is what everything shipped since is worth.",
        }[rule.kind]
    ]
    if rule.kind != "holdout":
        guards = list(dict.fromkeys(guard.metric for guard in analysis.guardrails))
        if guards:
            names = " and ".join(analysis.metrics[name].called for name in guards)
            one = "the guardrail" if len(guards) == 1 else "each guardrail"
            told.append(f"Before it ships, {one} ({names}) must be shown to hold.")
    alpha = f"{100 * analysis.options.alpha:g} %"
    treatments = len(analysis.aggregates.arms) - 1
    several = treatments > 1 or len(analysis.metrics.primaries) > 1
    chance = f"The chance of a false alarm is {alpha}"
    if several and rule.kind == "superiority":
        how = "Bonferroni" if analysis.options.sequential else "Holm"
        chance += f" over all treatments and primary metrics together ({how})"
    elif several:
        chance += " over all treatments together (Bonferroni)"
    told.append(f"{chance}.")
    if analysis.options.sequential:
        told.append("It holds at every look, as somebody looked before the end.")
    if analysis.options.cuped:
        told.append("Effects are those after CUPED.")
    return told
