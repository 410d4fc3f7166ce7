"""The soak as a picture: memory of each process, rate and latency over time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from bench.serve.soak import Window

_INK, _MUTED, _RULE = "#1b1f24", "#586069", "#c3c9d1"
_COLOURS = {"worker": "#3a76b4", "parent": "#7d8b99", "valkey": "#c2593f"}
_LIFT = {"parent": 4, "worker": -4}
"""Points by which a name is moved: parent and workers take about the same."""
_SIZE = (5.0, 6.0)


def draw(windows: Sequence[Window], rate: float, path: Path) -> None:
    """Draw three panels over minutes, as .svg or .png by the suffix; `rate` was asked for."""
    figure = Figure(figsize=_SIZE, layout="constrained")
    memory, answered, latency = figure.subplots(3, 1, sharex=True)
    _draw_memory(memory, windows)
    minutes = [window.minute for window in windows]
    answered.axhline(rate, color=_RULE, linewidth=3)
    answered.plot(minutes, [window.rate for window in windows], color=_INK, linewidth=1.2)
    latency.plot(minutes, [window.p50 for window in windows], color=_MUTED, linewidth=1.2)
    latency.plot(minutes, [window.p99 for window in windows], color=_INK, linewidth=1.2)
    _name(latency, minutes[-1], windows[-1].p50, "p50", _MUTED)
    _name(latency, minutes[-1], windows[-1].p99, "p99", _INK)
    titles = ("Resident memory, MB", "Requests a second (grey: asked for)", "Latency, ms")
    for axes, title in zip((memory, answered, latency), titles, strict=True):
        _style(axes, title)
    latency.set_xlabel("minutes", color=_MUTED)
    # Text stays text, and no date is kept: machines can read it, and it is the same twice.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "soak"}):
        metadata = {"Date": None} if path.suffix == ".svg" else None
        figure.savefig(path, dpi=200, metadata=metadata)


def _draw_memory(axes: Axes, windows: Sequence[Window]) -> None:
    roles = {process.pid: process.role for window in windows for process in window.after}
    named: set[str] = set()
    for pid, role in roles.items():
        seen = [(w.minute, p.rss) for w in windows for p in w.after if p.pid == pid]
        minutes, memory = zip(*seen, strict=True)
        axes.plot(minutes, memory, color=_COLOURS[role], linewidth=1.2)
        if role not in named:
            _name(axes, minutes[-1], memory[-1], role, _COLOURS[role], _LIFT.get(role, 0))
        named.add(role)


def _name(axes: Axes, x: float, y: float, text: str, colour: str, lift: int = 0) -> None:
    axes.annotate(
        text,
        (x, y),
        (4, lift),
        textcoords="offset points",
        va="center",
        color=colour,
        fontsize=10,
    )


def _style(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", color=_INK, fontsize=11)
    axes.set_ylim(0, 1.1 * axes.get_ylim()[1])
    axes.set_xlim(left=0)
    for side in ("top", "left", "right"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(_RULE)
    axes.grid(axis="y", color=_RULE, linewidth=0.5)
    axes.tick_params(colors=_MUTED, labelsize=10, length=0)
