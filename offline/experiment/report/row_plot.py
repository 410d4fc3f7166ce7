"""The interval plot of one row of a table, with its own scale or the table's."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.ticker import MaxNLocator

from offline.experiment.stats.comparison import Interval

_PAD = 0.1
_EDGE = 6.0
"""Percent of the width at either edge in which a tick has no room for its label."""

RIGHT = 84.0
"""Labels of ticks beyond this percentage of the width are right-aligned."""
_CHARACTER = 3.6
"""Width of a character of a label in percent, on paper, where plots are narrowest."""


@dataclass(frozen=True)
class RowPlot:
    """Places are percentages of the width."""

    low: float
    middle: float
    high: float
    zero: float
    margins: Sequence[float]
    """Of a guardrail, a rule or an equivalence."""
    ticks: Sequence[tuple[float, str]]
    description: str
    """A description for screen readers."""


def row_plot(
    value: float,
    ends: Interval,
    unit: str,
    told: str,
    margins: Sequence[float] = (),
    span: Interval | None = None,
) -> RowPlot:
    """`value` with its interval in `unit` ("%", "points" and so on); `told` is the same in words.

    `span` is the range of rows that share a scale; None: the row has its own.
    """
    known = [0.0, value, *ends, *margins, *(span or ())]
    left, right = min(known), max(known)
    pad = _PAD * (right - left) or abs(value) or 1.0
    left, right = left - pad, right + pad

    def place(some: float) -> float:
        return float(100 * (some - left) / (right - left))

    most = 3 if len(unit) > 2 else 4
    steps = MaxNLocator(most, steps=[1, 2, 2.5, 5, 10]).tick_values(left, right)
    # A tick that is nearly 0 is 0, but for rounding.
    at = [0.0 if abs(some) < 1e-9 * (right - left) else float(some) for some in steps]
    ticks = [(place(some), _tick(some)) for some in at if _EDGE <= place(some) <= 100 - _EDGE]
    scale = ""
    if ticks:  # the last one has the unit
        ticks[-1] = ticks[-1][0], f"{ticks[-1][1]} {unit}".rstrip()
        if len(ticks) > 1 and _touch(*ticks[-2:]):
            del ticks[-2]
        scale = f"; marks on the scale: {', '.join(text for _, text in ticks)}"
    limit = ""
    if margins:
        word = "margin" if len(margins) == 1 else "margins"
        limit = f"; {word} {' and '.join(_tick(some) for some in margins)} {unit}"
    return RowPlot(
        place(ends[0]),
        place(value),
        place(ends[1]),
        place(0.0),
        [place(some) for some in margins],
        ticks,
        f"{told}{limit}{scale}",
    )


def span_of(parts: Sequence[tuple[float, Interval]]) -> Interval:
    """The range of all values and intervals of rows that share a scale."""
    known = [0.0, *(some for value, ends in parts for some in (value, *ends))]
    return min(known), max(known)


def _touch(one: tuple[float, str], last: tuple[float, str]) -> bool:
    """Whether two labels overlap on paper; the last one ends at its tick where it is far right."""
    before = _CHARACTER * len(last[1]) * (1 if last[0] > RIGHT else 0.5)
    return one[0] + _CHARACTER * len(one[1]) / 2 > last[0] - before


def _tick(value: float) -> str:
    return f"{value:+,.6g}" if value else "0"
