"""The page that one shows a colleague: a verdict, what it rests on, and how it was made."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from offline.experiment.aggregate import CONTROL, Aggregates
from offline.experiment.effects import Effect, Moments
from offline.experiment.health import SampleRatio
from offline.experiment.plots import NARROW, WIDE, Bar, Lengths, length_plot, mean_plot
from offline.experiment.run_info import RunInfo
from offline.experiment.verdict import DECIDING, Verdict, interval, label, percent

SHOWN_BAD_LINES = 100


@dataclass(frozen=True)
class Metric:
    """How a metric is told to people."""

    name: str
    meaning: str
    scale: float = 1.0
    unit: str = ""
    more_is_better: bool = True


METRIC_WORDS = {
    "sessions": Metric("Sessions", "finished sessions per user"),
    "mean_session_length": Metric("Session length", "tracks in a session, the first included"),
    "mean_session_time": Metric("Session time", "shares of tracks heard, summed over a session"),
    "mean_request_time": Metric(
        "Request time", "spent by the service on a request", 1000, " ms", more_is_better=False
    ),
}


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


@dataclass(frozen=True)
class EffectBlock:
    """The rows of one treatment, and where 0 lies in their interval plots (percent of width)."""

    title: str
    colour: int
    rows: Sequence[EffectRow]
    zero: float


def render_report(
    aggregates: Aggregates,
    effects: Sequence[Effect],
    verdicts: Sequence[Verdict],
    ratio: SampleRatio,
    run_info: RunInfo,
) -> str:
    """The report as one self-contained HTML page: no script, nothing loaded from elsewhere."""
    names = run_info.treatments
    labels = {arm.treatment: label(arm.treatment, names) for arm in aggregates.arms}
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["count"] = lambda number: f"{number:,}"
    environment.filters["moment"] = _moment
    environment.filters["minus"] = lambda text: re.sub(r"(?<!\w)-(?=\d)", "−", text)
    return environment.get_template("report.html").render(
        experiment=aggregates.experiment,
        verdicts=verdicts,
        labels=labels,
        control=CONTROL,
        arms=aggregates.arms,
        blocks=_effect_blocks(aggregates, effects, labels),
        quality=aggregates.quality,
        ratio=ratio,
        shown_bad_lines=SHOWN_BAD_LINES,
        lengths=_length_rows(aggregates, labels),
        mean_plots=_mean_plots(aggregates, labels),
        length_plots=_length_plots(aggregates, labels),
        groups=run_info.groups,
    )


def _effect_blocks(
    aggregates: Aggregates, effects: Sequence[Effect], labels: dict[str, str]
) -> list[EffectBlock]:
    blocks = []
    for colour, arm in enumerate(aggregates.arms):
        rows = [row for row in effects if row.treatment == arm.treatment]
        if not rows:
            continue
        ends = [end for row in rows for end in (row.lower, row.upper) if end is not None]
        left, right = min([0.0, *ends]), max([0.0, *ends])
        margin = 0.05 * (right - left) or 1.0
        left, width = left - margin, right - left + 2 * margin
        blocks.append(
            EffectBlock(
                title=f"{labels[arm.treatment]} against {labels[CONTROL]}",
                colour=colour,
                rows=[_effect_row(row, left, width) for row in rows],
                zero=-100 * left / width,
            )
        )
    return blocks


def _effect_row(row: Effect, left: float, width: float) -> EffectRow:
    metric = METRIC_WORDS[row.metric]
    better = row.effect is not None and (row.effect > 0) == metric.more_is_better
    ends, span = "–", None
    if row.effect is not None and row.lower is not None and row.upper is not None:
        ends = interval(row.lower, row.upper)
        low, middle, high = (
            100 * (end - left) / width for end in (row.lower, row.effect, row.upper)
        )
        span = (low, middle, high)
    return EffectRow(
        metric=metric,
        control=_value(row.control_mean, metric),
        treatment=_value(row.treatment_mean, metric),
        effect="–" if row.effect is None else percent(row.effect),
        interval=ends,
        tone=("good" if better else "bad") if row.significant else "flat",
        significant=row.significant,
        note=row.note,
        span=span,
    )


def _value(mean: float | None, metric: Metric) -> str:
    return "–" if mean is None else f"{mean * metric.scale:,.2f}{metric.unit}"


def _moment(timestamp: int) -> str:
    """Milliseconds since the epoch as a date and time in UTC; as they are if out of range."""
    try:
        return f"{datetime.fromtimestamp(timestamp / 1000, UTC):%Y-%m-%d %H:%M}"
    except (OverflowError, ValueError, OSError):
        return f"{timestamp} ms"


def _mean_plots(aggregates: Aggregates, labels: dict[str, str]) -> dict[str, str]:
    bars = []
    for colour, arm in enumerate(aggregates.arms):
        moments = Moments.of(aggregates.values(arm.treatment, DECIDING))
        margin = moments.margin()
        if moments.n:
            bars.append(
                Bar(
                    label=labels[arm.treatment],
                    colour=colour,
                    mean=moments.mean,
                    margin=None if math.isnan(margin) else margin,
                )
            )
    if not bars:
        return {}
    axis = "mean session time"
    return {"wide": mean_plot(bars, axis, WIDE), "narrow": mean_plot(bars, axis, NARROW)}


def _finished(aggregates: Aggregates, treatment: str) -> pd.DataFrame:
    lengths = aggregates.lengths
    return lengths[(lengths["treatment"] == treatment) & (lengths["finished"] == 1)]


def _length_plots(aggregates: Aggregates, labels: dict[str, str]) -> dict[str, str]:
    samples = []
    for colour, arm in enumerate(aggregates.arms):
        own = _finished(aggregates, arm.treatment)
        if len(own):
            samples.append(
                Lengths(
                    label=labels[arm.treatment],
                    colour=colour,
                    length=own["length"].to_numpy(),
                    sessions=own["sessions"].to_numpy(),
                )
            )
    if not samples:
        return {}
    axis = "tracks in the session, at least"
    return {"wide": length_plot(samples, axis, WIDE), "narrow": length_plot(samples, axis, NARROW)}


def _length_rows(aggregates: Aggregates, labels: dict[str, str]) -> list[tuple[str, list[int]]]:
    """Per treatment with finished sessions: median, 90 % and longest length."""
    rows = []
    for arm in aggregates.arms:
        own = _finished(aggregates, arm.treatment)
        if not len(own):
            continue
        length, up_to = own["length"].to_numpy(), own["sessions"].cumsum().to_numpy()
        at = [int(length[np.searchsorted(up_to, share * up_to[-1])]) for share in (0.5, 0.9)]
        rows.append((labels[arm.treatment], [*at, int(length[-1])]))
    return rows
