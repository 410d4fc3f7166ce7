"""The ladder as a picture: the normalised score of each recommender."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sim.errors import InputError
from sim.ladder.stats import Estimate, RecommenderResult

_INK, _MUTED, _RULE = "#1b1f24", "#586069", "#c3c9d1"
_SCALE, _BAR, _REFERENCE_BAR = "#eceff3", "#3a76b4", "#b4c0ce"
# In inches. As wide as a phone, so that the type need not shrink on one, nor in print.
_WIDTH, _ROW, _FRAME = 5.0, 0.6, 1.5


def draw(results: Sequence[RecommenderResult], path: Path) -> None:
    """Draw a bar per recommender, the highest score on top, as .png or .svg by the suffix.

    The first of `results` has score 0, the last 100. Equal figures give an equal
    SVG. Raises InputError if there are no scores, the last being no better than
    the first.
    """
    lowest, highest = results[0], results[-1]
    rows = [(r, r.normalised_score) for r in results if r.normalised_score is not None]
    if not rows:
        raise InputError(
            f"{path}: not drawn: {highest.recommender} is no better than {lowest.recommender} "
            f"in this world, so there are no normalised scores"
        )
    rows[1:-1] = sorted(rows[1:-1], key=lambda row: row[1].value)

    figure = Figure(figsize=(_WIDTH, _FRAME + _ROW * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    for height, (result, score) in enumerate(rows):
        _draw_row(axes, height, result, score)
    axes.set_xlim(
        min(0.0, *(score.value - score.margin for _, score in rows)),
        max(100.0, *(score.value + score.margin for _, score in rows)),
    )
    axes.set_ylim(-0.35, len(rows) - 0.25)
    _style(axes)
    axes.set_xlabel(
        "normalised score (line: its 95 % interval)\n"
        "grey numbers: mean session time, in tracks heard"
    )
    figure.suptitle(
        _title(results),
        x=0.025,
        horizontalalignment="left",
        color=_INK,
        fontsize=15,
        weight="bold",
    )
    # Text stays text, and no date is kept: machines can read it, and it is the same twice.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "ladder"}):
        metadata = {"Date": None} if path.suffix == ".svg" else None
        figure.savefig(path, dpi=200, metadata=metadata)


def _draw_row(axes: Axes, height: int, result: RecommenderResult, score: Estimate) -> None:
    """The whole scale, the score on it, its interval, and the values above them."""
    axes.barh(height, 100.0, 0.3, color=_SCALE)
    axes.barh(height, score.value, 0.3, color=_BAR if score.margin else _REFERENCE_BAR)
    if score.margin:
        axes.errorbar(score.value, height, xerr=score.margin, color=_INK, capsize=4, linewidth=1.5)
    texts = (
        (0.0, "left", result.recommender, _INK),
        (0.66, "right", f"{result.session_time.value:.2f} tracks", _MUTED),
        (1.0, "right", score.score(), _INK),
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
    axes.xaxis.label.set(color=_MUTED, fontsize=12)


def _title(results: Sequence[RecommenderResult]) -> str:
    """The finding: the best recommender's score, or how much there is to gain at all."""
    lowest, *between, highest = results
    if not between:
        gain = highest.session_time.value / lowest.session_time.value
        return (
            f"{highest.recommender} holds listeners\n"
            f"{gain:.1f} times as long as {lowest.recommender}"
        )
    best = max(between, key=lambda result: result.session_time.value)
    score = best.normalised_score.value if best.normalised_score else 0.0
    return (
        f"{best.recommender} scores {score:.0f}\n"
        f"between {lowest.recommender} (0) and {highest.recommender} (100)"
    )
