"""The ladder as a picture: how far from Random to the oracle each recommender goes."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from sim.errors import InputError
from sim.ladder.stats import Estimate, Rung

_INK, _MUTED, _RULE = "#1b1f24", "#586069", "#c3c9d1"
_WAY, _BAR, _WHOLE = "#eceff3", "#3a76b4", "#b4c0ce"
# In inches. As wide as a phone, so that the type need not shrink on one, nor in print.
_WIDTH, _ROW, _FRAME = 5.0, 0.6, 1.5


def draw(rungs: Sequence[Rung], path: Path) -> None:
    """Draw a bar per recommender, the longest way on top, as .png or .svg by the suffix.

    The first of `rungs` is the floor, the last the ceiling. Equal figures give
    an equal SVG. Raises InputError where the ceiling is no better than the floor.
    """
    floor, ceiling = rungs[0], rungs[-1]
    rows = [(rung, rung.share) for rung in rungs if rung.share is not None]
    if not rows:
        raise InputError(
            f"{path}: not drawn: {ceiling.recommender} is no better than {floor.recommender} "
            f"in this world, so there is no way between them to have a share of"
        )
    rows[1:-1] = sorted(rows[1:-1], key=lambda row: row[1].value)

    figure = Figure(figsize=(_WIDTH, _FRAME + _ROW * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    for height, (rung, share) in enumerate(rows):
        _draw_row(axes, height, rung, share)
    axes.set_xlim(
        min(0.0, *(share.value - share.margin for _, share in rows)),
        max(1.0, *(share.value + share.margin for _, share in rows)),
    )
    axes.set_ylim(-0.35, len(rows) - 0.25)
    _style(axes)
    axes.set_xlabel(
        "share of the way (line: its 95 % interval)\n"
        "grey numbers: mean session time, in tracks heard"
    )
    figure.suptitle(
        _title(rungs), x=0.025, horizontalalignment="left", color=_INK, fontsize=15, weight="bold"
    )
    # Text stays text, and no date is kept: machines can read it, and it is the same twice.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "ladder"}):
        metadata = {"Date": None} if path.suffix == ".svg" else None
        figure.savefig(path, dpi=200, metadata=metadata)


def _draw_row(axes: Axes, height: int, rung: Rung, share: Estimate) -> None:
    """The whole way, the part of it that was gone, its interval, and above them the values."""
    axes.barh(height, 1.0, 0.3, color=_WAY)
    axes.barh(height, share.value, 0.3, color=_BAR if share.margin else _WHOLE)
    if share.margin:
        axes.errorbar(share.value, height, xerr=share.margin, color=_INK, capsize=4, linewidth=1.5)
    texts = (
        (0.0, "left", rung.recommender, _INK),
        (0.66, "right", f"{rung.session_time.value:.2f} tracks", _MUTED),
        (1.0, "right", share.percent(), _INK),
    )
    for place, alignment, text, colour in texts:
        axes.text(
            place,
            height + 0.22,
            text,
            transform=axes.get_yaxis_transform(),
            horizontalalignment=alignment,
            color=colour,
            fontsize=12,
        )


def _style(axes: Axes) -> None:
    for side in ("top", "left", "right"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(_RULE)
    axes.set_yticks([])
    axes.tick_params(colors=_MUTED, labelsize=12, length=0, pad=5)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda share, _: f"{share:.0%}".replace("%", " %"))
    )
    axes.xaxis.label.set(color=_MUTED, fontsize=12)


def _title(rungs: Sequence[Rung]) -> str:
    """The finding: how far the best recommender goes, or what there is to gain at all."""
    floor, *between, ceiling = rungs
    times = {rung.recommender: rung.session_time.value for rung in rungs}
    if not between:
        gain = times[ceiling.recommender] / times[floor.recommender]
        return (
            f"{ceiling.recommender} holds listeners\n"
            f"{gain:.1f} times as long as {floor.recommender}"
        )
    best = max(between, key=lambda rung: times[rung.recommender])
    share = best.share.value if best.share else 0.0
    return (
        f"{best.recommender} goes {100 * share:.0f} % of the way\n"
        f"from {floor.recommender} to {ceiling.recommender}"
    )
