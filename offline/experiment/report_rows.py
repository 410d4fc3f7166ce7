"""The effect tables of the page: figures turned into what a reader sees."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from offline.experiment.analysis import Analysis
from offline.experiment.comparison import Comparison
from offline.experiment.metrics import Metric
from offline.experiment.words import interval, percent


@dataclass(frozen=True)
class EffectRow:
    """A row of the effect table as the page shows it."""

    metric: Metric
    control: str
    treatment: str
    effect: str
    interval: str
    tone: str
    """good, bad or flat: for its colour."""
    significant: bool
    note: str
    span: tuple[float, float, float] | None
    """Lower end, effect and upper end, as percentages of the width of the interval plot."""
    figures: tuple[str, ...]
    """For the statistician, in the order of FIGURES."""


FIGURES = (
    "Table's interval",
    "Decided by",
    "Fieller",
    "Uncapped",
    "CUPED",
    "Variance taken",
    "Bootstrap",
    "p",
    "Holm",
    "BH",
    "Detectable",
)


@dataclass(frozen=True)
class EffectBlock:
    """The rows of one treatment, and where 0 lies in their interval plots (percent of width)."""

    title: str
    colour: int
    rows: Sequence[EffectRow]
    zero: float


def effect_blocks(analysis: Analysis, labels: Mapping[str, str]) -> list[EffectBlock]:
    """A block for each treatment but the control, in the order of the arms."""
    blocks = []
    for colour, arm in enumerate(analysis.aggregates.arms):
        rows = [row for row in analysis.comparisons if row.effect.treatment == arm.treatment]
        if not rows:
            continue
        ends = [end for row in rows for end in row.relative or ()]
        left, right = min([0.0, *ends]), max([0.0, *ends])
        margin = 0.05 * (right - left) or 1.0
        left, width = left - margin, right - left + 2 * margin
        blocks.append(
            EffectBlock(
                title=f"{labels[arm.treatment]} against {labels[analysis.control]}",
                colour=colour,
                rows=[
                    _effect_row(row, analysis.metrics[row.effect.metric], left, width)
                    for row in rows
                ],
                zero=-100 * left / width,
            )
        )
    return blocks


def _effect_row(row: Comparison, metric: Metric, left: float, width: float) -> EffectRow:
    effect = row.effect
    better = row.change is not None and (row.change > 0) == metric.more_is_better
    significant = row.p_holm is not None and row.p_holm < row.alpha
    span = None
    if row.change is not None and row.relative is not None:
        low, middle, high = (
            100 * (end - left) / width for end in (row.relative[0], row.change, row.relative[1])
        )
        span = (low, middle, high)
    return EffectRow(
        metric=metric,
        control=metric.shown(effect.control_mean),
        treatment=metric.shown(effect.treatment_mean),
        effect="–" if row.change is None else percent(row.change),
        interval=_ends(row.relative),
        tone=("good" if better else "bad") if significant else "flat",
        significant=significant,
        note=row.notes or _unbounded(row),
        span=span,
        figures=_figures(row),
    )


def _figures(row: Comparison) -> tuple[str, ...]:
    effect, adjusted = row.table, row.adjusted
    table = None
    if effect.lower is not None and effect.upper is not None:
        table = effect.lower, effect.upper
    return (
        _ends(table),
        "–" if row.method == "none" else row.method,
        _ends(row.fieller),
        "–" if row.uncapped is None else _ends(row.uncapped.relative),
        _ends(row.cuped),
        "–" if adjusted is None else f"{100 * adjusted.reduction:.0f} %",
        _ends(row.bootstrap),
        *("–" if p is None else f"{p:.2g}" for p in (row.p, row.p_holm, row.p_bh)),
        "–" if row.detectable is None else f"{row.detectable:.2g} %",
    )


def _unbounded(row: Comparison) -> str:
    if row.change is None or row.relative is not None or row.method == "none":
        return ""
    if row.method.endswith("permutation"):
        return "so few users set no bounds to the effect: no interval"
    return "the control mean is too uncertain to divide by: no relative interval"


def _ends(found: tuple[float, float] | None) -> str:
    return "–" if found is None else interval(*found)
