"""The data card as a page: one file, nothing from the network."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from offline.card.facts import Facts
from offline.card.text import liked, spread
from offline.pages import render_page

_WIDTH, _HEIGHT = 640.0, 220.0


def render(facts: Facts) -> str:
    """The page; all that comes from the data is escaped."""
    return render_page(
        Path(__file__).with_name("card.html"),
        facts=facts,
        summary=facts.summary,
        liked=liked(facts),
        per_user=spread(facts.per_user),
        per_item=spread(facts.per_item),
        tail=tail_points(facts.tail),
        bars=_bars(facts.over_time),
        width=_WIDTH,
        height=_HEIGHT,
    )


def tail_points(tail: npt.NDArray[np.int64]) -> str:
    """Points of a line in the picture: interactions by rank, both on logarithmic scales."""
    tail = tail[tail > 0]
    if len(tail) < 2 or tail[0] < 2:
        return ""
    ranks = np.unique(np.geomspace(1, len(tail), 120).astype(np.int64))
    x = np.log(ranks) / np.log(len(tail)) * _WIDTH
    y = _HEIGHT - np.log(tail[ranks - 1]) / np.log(tail[0]) * _HEIGHT
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))


def _bars(counts: npt.NDArray[np.int64]) -> list[tuple[float, float, float]]:
    """Left edge, top and height of each bar."""
    if not len(counts):
        return []
    step = _WIDTH / len(counts)
    heights = counts / max(1, counts.max()) * _HEIGHT
    return [
        (round(place * step, 1), round(_HEIGHT - height, 1), round(float(height), 1))
        for place, height in enumerate(heights)
    ]
