"""The report's pictures; each returns an `<svg>` element."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from offline.experiment.report.svg import INK, MUTED, RULE, SERIES, as_svg, canvas
from offline.experiment.words import interval, percent

_PER_INCH = 10.0
"""Characters of a label."""
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Bar:
    """A value with its interval (None where it has none), and how it is written."""

    label: str
    colour: int
    value: float
    interval: tuple[float, float] | None
    text: str


@dataclass(frozen=True)
class Steps:
    """How many sessions, or users, have each value: ascending distinct values, and counts."""

    label: str
    colour: int
    value: Floats
    count: Floats


@dataclass(frozen=True)
class Band:
    """An effect as it stood at each look, in percent, in the interval that may be peeked at."""

    label: str
    colour: int
    effect: Floats
    lower: Floats
    upper: Floats
    fixed_lower: Floats
    fixed_upper: Floats


def bar_plot(bars: Sequence[Bar], axis: str, width: float, *, zero: bool = False) -> str:
    """Values with their intervals, a row each, first on top; `zero` marks no effect."""
    figure, (axes,) = canvas(width, height=0.75 + 0.75 * len(bars))
    if zero:
        axes.axvline(0, color=MUTED, linewidth=1, linestyle=(0, (3, 3)))
    for row, bar in enumerate(bars):
        colour = SERIES[bar.colour % len(SERIES)]
        if bar.interval is not None:
            sides = [[bar.value - bar.interval[0]], [bar.interval[1] - bar.value]]
            axes.errorbar(
                bar.value, row, xerr=sides, color=colour, linewidth=2, capsize=6, capthick=2
            )
        axes.plot(bar.value, row, "o", color=colour, markersize=8)
        for side, text in ((0, fitted(bar.label, width, len(bar.text) + 2)), (1, bar.text)):
            axes.text(
                side,
                row - 0.38,
                text,
                transform=axes.get_yaxis_transform(),
                horizontalalignment="right" if side else "left",
                color=INK,
                fontsize=13,
            )
    axes.set_ylim(len(bars) - 0.55, -0.75)
    axes.set_yticks(range(len(bars)), [])
    axes.grid(axis="y", color=RULE, linewidth=0.8)
    axes.margins(x=0.12)
    axes.set_xlabel(axis)
    told = "; ".join(f"{bar.label}: {bar.text}" for bar in bars)
    return as_svg(figure, f"{_sentence(axis)}. {told}")


def at_least_plot(samples: Sequence[Steps], axis: str, width: float) -> str:
    """Share that has at least each value, a step line per treatment, on a log axis if possible."""
    figure, (axes,) = canvas(width, height=4.0)
    for sample in samples:
        at_least = 100 * np.cumsum(sample.count[::-1])[::-1] / sample.count.sum()
        # From 100 % at the first down to 0 beyond the last.
        axes.step(
            np.concatenate((sample.value[:1], sample.value, sample.value[-1:])),
            np.concatenate(([100], at_least, [0])),
            where="pre",
            color=SERIES[sample.colour % len(SERIES)],
            linewidth=2,
            label=fitted(sample.label, 0.7 * width),
        )
    lowest = min(sample.value[0] for sample in samples)
    if lowest > 0:
        axes.set_xscale("log")
        axes.set_xlim(left=0.8 * lowest)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(0, 102)
    percent_axis(axes)
    axes.set_xlabel(axis)
    axes.legend(frameon=False, labelcolor=INK, fontsize=12, loc="upper right")
    told = "; ".join(f"{sample.label}: {_spread(sample)}" for sample in samples)
    return as_svg(figure, f"Shares that have at least so many {axis}. {told}")


def band_plot(bands: Sequence[Band], periods: Sequence[str], axis: str, width: float) -> str:
    """Effects over periods within their bands, a panel below another for each treatment."""
    figure, axes = canvas(width, height=1.1 + 2.4 * len(bands), rows=len(bands))
    for panel, band in zip(axes, bands, strict=True):
        colour = SERIES[band.colour % len(SERIES)]
        at = np.arange(len(band.effect)) + len(periods) - len(band.effect)
        panel.fill_between(at, band.lower, band.upper, color=colour, alpha=0.18, linewidth=0)
        for edge in (band.fixed_lower, band.fixed_upper):
            panel.plot(at, edge, color=colour, linewidth=1, linestyle=(0, (2, 3)))
        panel.plot(at, band.effect, color=colour, linewidth=2, marker="o", markersize=4)
        panel.axhline(0, color=MUTED, linewidth=1, linestyle=(0, (3, 3)))
        panel.set_title(fitted(band.label, width, 8), loc="left", color=INK, fontsize=13)
        panel.set_xlim(-0.5, len(periods) - 0.5)
        panel.xaxis.set_major_locator(MaxNLocator(8 if width > 6 else 4, integer=True))
        panel.xaxis.set_major_formatter(
            FuncFormatter(
                lambda place, _: periods[int(place)] if 0 <= place < len(periods) else ""
            )
        )
        percent_axis(panel)
    axes[-1].set_xlabel(axis)
    told = "; ".join(f"{band.label}: {_course(band)}" for band in bands)
    return as_svg(figure, f"Effect after each period, to the {axis}. {told}")


def fitted(label: str, width: float, taken: int = 0) -> str:
    """As much of the label as fits into this width in inches, other characters allowed for."""
    room = max(int(_PER_INCH * width) - taken, 8)
    return label if len(label) <= room else f"{label[: room - 1]}…"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _spread(sample: Steps) -> str:
    """Half of them and a tenth, in words."""
    up_to = np.cumsum(sample.count)
    places = np.searchsorted(up_to, [0.5 * up_to[-1], 0.9 * up_to[-1]])
    half, tenth = (f"{sample.value[place]:.3g}" for place in places)
    return f"half have {half} or more, a tenth {tenth} or more"


def _course(band: Band) -> str:
    """First and last effect, with their always-valid intervals."""
    ends = [
        f"{percent(band.effect[at])} ({interval(band.lower[at], band.upper[at])})"
        for at in (0, -1)
    ]
    return f"{ends[0]} at the first look, {ends[1]} at the last of {len(band.effect)}"


def percent_axis(axes: Axes) -> None:
    """Percentages upwards, with lines across."""
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
    axes.grid(color=RULE, linewidth=0.8)
