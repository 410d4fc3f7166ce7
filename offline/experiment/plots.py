"""The report's pictures, as inline SVG that takes its colours from the page."""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

# matplotlib draws with these stand-ins; the page gives each its colour, light or dark.
INK, MUTED, RULE = "#00000a", "#00000b", "#00000c"
SERIES = tuple(f"#0000{number:02x}" for number in range(0x10, 0x16))
VARIABLES = {INK: "--ink", MUTED: "--muted", RULE: "--rule"} | {
    colour: f"--series-{number}" for number, colour in enumerate(SERIES)
}
WIDE, NARROW = 10.2, 4.9
"""Widths in inches (72 CSS pixels each) for a desk and a phone: type has one size on both."""


@dataclass(frozen=True)
class Bar:
    """A mean with its interval (None where it has none)."""

    label: str
    colour: int
    mean: float
    margin: float | None


@dataclass(frozen=True)
class Lengths:
    """Lengths of the sessions of one treatment: distinct values and how many have each."""

    label: str
    colour: int
    length: npt.NDArray[np.int64]
    sessions: npt.NDArray[np.int64]


def mean_plot(bars: Sequence[Bar], axis: str, width: float) -> str:
    """Means with their intervals, a row each, first on top. Returns an `<svg>` element."""
    figure, axes = _canvas(width, height=0.75 + 0.75 * len(bars))
    for row, bar in enumerate(bars):
        colour = SERIES[bar.colour % len(SERIES)]
        value = f"{bar.mean:.2f}"
        if bar.margin is not None:
            value += f" ± {bar.margin:.2f}"
            axes.errorbar(
                bar.mean, row, xerr=bar.margin, color=colour, linewidth=2, capsize=6, capthick=2
            )
        axes.plot(bar.mean, row, "o", color=colour, markersize=8)
        for side, text in ((0, bar.label), (1, value)):
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
    return _svg(figure, f"Plot of {axis} per treatment")


def length_plot(samples: Sequence[Lengths], axis: str, width: float) -> str:
    """Share of sessions of at least each length, a step line per treatment, lengths on a log axis.

    Returns an `<svg>` element.
    """
    figure, axes = _canvas(width, height=4.0)
    for sample in samples:
        at_least = 100 * np.cumsum(sample.sessions[::-1])[::-1] / sample.sessions.sum()
        # From 100 % at 1 down to 0 beyond the longest.
        axes.step(
            np.concatenate(([1], sample.length, sample.length[-1:])),
            np.concatenate(([100], at_least, [0])),
            where="pre",
            color=SERIES[sample.colour % len(SERIES)],
            linewidth=2,
            label=sample.label,
        )
    axes.set_xscale("log")
    axes.set_xlim(left=0.8 * min(sample.length[0] for sample in samples))
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(0, 102)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
    axes.grid(color=RULE, linewidth=0.8)
    axes.set_xlabel(axis)
    axes.legend(frameon=False, labelcolor=INK, fontsize=12, loc="upper right")
    return _svg(figure, "Share of sessions of at least a given length, per treatment")


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    for side in ("top", "left", "right"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(MUTED)
    axes.tick_params(colors=MUTED, labelsize=12, length=0, which="both", pad=6)
    axes.xaxis.label.set(color=MUTED, fontsize=12)
    axes.set_axisbelow(True)
    return figure, axes


def _svg(figure: Figure, description: str) -> str:
    file = io.StringIO()
    salt = f"{description} {figure.get_figwidth()}"
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": salt}):
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<(metadata|style)\b.*?</\1>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    # In an HTML page the namespaces go without saying, and the type is the page's own.
    svg = re.sub(r' xmlns(:xlink)?="[^"]*"', "", svg)
    svg = re.sub(r"font-family: [^;\"]*; ", "", svg)
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    return re.sub(
        r'<svg width="[^"]*" height="[^"]*"', f'<svg role="img" aria-label="{description}"', svg
    )
