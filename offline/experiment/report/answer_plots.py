"""Pictures of an effect by day, and of posteriors; each returns an `<svg>` element."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.ticker import FuncFormatter, MaxNLocator

from offline.experiment.report.plots import Floats, fitted, percent_axis
from offline.experiment.report.svg import INK, MUTED, SERIES, as_svg, canvas
from offline.experiment.words import interval, percent


@dataclass(frozen=True)
class Points:
    """An effect in percent by day; arrays of shape (n,), NaN for an unknown end."""

    label: str
    colour: int
    day: npt.NDArray[np.int64]
    effect: Floats
    lower: Floats
    upper: Floats
    solid: npt.NDArray[np.bool_]
    """Whether a day has users enough to count."""


@dataclass(frozen=True)
class Density:
    """How likely each effect, in percent, is: before the log (the prior), and given it."""

    label: str
    colour: int
    effect: Floats
    """Ascending."""
    posterior: Floats
    prior: Floats
    more_is_better: bool
    told: str
    """A summary for screen readers."""


def points_plot(
    panels: Sequence[Points], name: Callable[[int], str], axis: str, width: float
) -> str:
    """Effects with their intervals, a panel below another; `name` is what a day is called.

    The scale covers the days that count; others beyond it are drawn as triangles at its edge.
    """
    figure, axes = canvas(width, height=1.1 + 2.4 * len(panels), rows=len(panels))
    for panel, points in zip(axes, panels, strict=True):
        colour = SERIES[points.colour % len(SERIES)]
        panel.axhline(0, color=MUTED, linewidth=1, linestyle=(0, (3, 3)))
        panel.vlines(points.day, points.lower, points.upper, color=colour, linewidth=2)
        for solid in (True, False):
            own = points.solid == solid
            panel.plot(
                points.day[own],
                points.effect[own],
                color=colour,
                linestyle="none",
                marker="o",
                markersize=6 if solid else 5,
                markerfacecolor=colour if solid else "none",
            )
        counted = points.solid if points.solid.any() else np.ones(len(points.day), bool)
        ends = np.concatenate(
            ([0.0], *(some[counted] for some in (points.lower, points.upper, points.effect)))
        )
        low, high = float(np.nanmin(ends)), float(np.nanmax(ends))
        pad = 0.08 * (high - low) or 1.0
        panel.set_ylim(low - pad, high + pad)
        for beyond, edge, marker in (
            (points.effect > high + pad, high + pad / 2, "^"),
            (points.effect < low - pad, low - pad / 2, "v"),
        ):
            panel.plot(
                points.day[beyond],
                np.full(int(beyond.sum()), edge),
                color=colour,
                linestyle="none",
                marker=marker,
                markersize=6,
                markerfacecolor="none",
            )
        panel.set_title(fitted(points.label, width, 8), loc="left", color=INK, fontsize=13)
        panel.set_xlim(
            min(some.day[0] for some in panels) - 0.5, max(some.day[-1] for some in panels) + 0.5
        )
        panel.xaxis.set_major_locator(
            MaxNLocator(8 if width > 6 else 4, integer=True, min_n_ticks=1)
        )
        panel.xaxis.set_major_formatter(
            FuncFormatter(lambda day, _: name(round(day)).removeprefix("day ")[-5:])
        )
        percent_axis(panel)
    axes[-1].set_xlabel(axis)
    told = "; ".join(_course(points, name) for points in panels)
    return as_svg(figure, f"Effect by day with its interval. {told}")


def _course(points: Points, name: Callable[[int], str]) -> str:
    def at(place: int) -> str:
        ends = points.lower[place], points.upper[place]
        told = "no interval" if np.isnan(ends).any() else interval(*map(float, ends))
        return f"{name(int(points.day[place]))} {percent(float(points.effect[place]))} ({told})"

    low, high = int(points.effect.argmin()), int(points.effect.argmax())
    return (
        f"{points.label}: {len(points.day)} days; first {at(0)}, last {at(-1)}, "
        f"highest {at(high)}, lowest {at(low)}"
    )


def density_plot(curves: Sequence[Density], axis: str, width: float) -> str:
    """Posteriors, a panel below another, filled where the treatment is better; priors dotted."""
    figure, axes = canvas(width, height=1.0 + 1.9 * len(curves), rows=len(curves))
    for panel, curve in zip(axes, curves, strict=True):
        colour = SERIES[curve.colour % len(SERIES)]
        better = (curve.effect > 0) == curve.more_is_better
        panel.fill_between(
            curve.effect, curve.posterior, where=better, color=colour, alpha=0.35, linewidth=0
        )
        panel.plot(
            curve.effect, curve.posterior, color=colour, linewidth=2, label="given the data"
        )
        panel.plot(
            curve.effect,
            curve.prior,
            color=MUTED,
            linewidth=1.5,
            linestyle=(0, (2, 3)),
            label="prior",
        )
        panel.axvline(0, color=MUTED, linewidth=1, linestyle=(0, (3, 3)))
        panel.set_ylim(bottom=0)
        panel.set_yticks([])
        panel.xaxis.set_major_locator(MaxNLocator(7 if width > 6 else 4))
        panel.xaxis.set_major_formatter(
            FuncFormatter(lambda value, _: f"{value:+g} %" if value else "0 %")
        )
        panel.set_title(fitted(curve.label, width, 8), loc="left", color=INK, fontsize=13)
    axes[0].legend(frameon=False, labelcolor=INK, fontsize=12, loc="upper right")
    axes[-1].set_xlabel(axis)
    told = "; ".join(f"{curve.label}: {curve.told}" for curve in curves)
    return as_svg(figure, f"How likely each effect is given the data and the prior. {told}")
