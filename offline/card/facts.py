"""What there is to say about interactions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt

from offline.data.interactions import Interactions
from offline.data.summary import Summary
from offline.logs.bad_lines import BadLine

_SHOWN = 10
_BARS = 40


@dataclass(frozen=True)
class Counts:
    """How interactions spread over users, or over items."""

    least: int
    median: float
    mean: float
    most: int
    few: int
    """How many have fewer than 5."""
    top_share: float
    """The share of all interactions that is of the busiest 1 %, at least one."""
    gini: float
    """0 where all have as many, towards 1 where one has nearly all."""


@dataclass(frozen=True)
class Facts:
    """The content of a card."""

    name: str
    summary: Summary
    users: int
    items: int
    interactions: int
    likes: int
    """Distinct pairs of user and item that count as likes."""
    density: float
    """Share of the cells of the user × item matrix that have an interaction."""
    per_user: Counts
    per_item: Counts
    tail: npt.NDArray[np.int64]
    """Interactions of each item, most first."""
    kinds: tuple[tuple[str, int], ...]
    values: tuple[tuple[str, int], ...]
    """Values and how many interactions have each, or the quantiles of values of many sizes."""
    span: tuple[str, str] | None
    """First and last day; None: not every interaction has a time."""
    over_time: npt.NDArray[np.int64]
    """Interactions in equal parts of the span."""
    popular: tuple[tuple[str, int], ...]
    """Title or id of the items with most interactions."""
    bad: tuple[str, ...]
    """The first rows that were left out."""


def facts_of(directory: Path, bad: Sequence[BadLine] = (), name: str | None = None) -> Facts:
    """Read a directory of interactions. Raises InputError."""
    data = Interactions.load(directory)
    per_user = np.bincount(data.user, minlength=len(data.users))
    per_item = np.bincount(data.item, minlength=len(data.items))
    first = np.ones(len(data.user), dtype=bool)
    first[1:] = (np.diff(data.user) != 0) | (np.diff(data.item) != 0)
    names, counts = np.unique(data.kind.cast("string").to_pylist(), return_counts=True)
    order = np.argsort(-per_item, kind="stable")
    popular = []
    for item in order[:_SHOWN]:
        title = None if data.titles is None else data.titles[int(item)].as_py()
        popular.append((str(title or data.items[int(item)]), int(per_item[item])))
    return Facts(
        name=name or directory.resolve().name,
        summary=data.summary,
        users=len(data.users),
        items=len(data.items),
        interactions=len(data.user),
        likes=len(data.likes().user),
        density=int(first.sum()) / max(1, len(data.users) * len(data.items)),
        per_user=_counts(per_user),
        per_item=_counts(per_item),
        tail=per_item[order],
        kinds=tuple(
            sorted(zip(names.tolist(), counts.tolist(), strict=True), key=lambda each: -each[1])
        ),
        values=_values(data.value),
        span=_span(data.summary) if data.timestamp is not None else None,
        over_time=np.histogram(data.timestamp, _BARS)[0]
        if data.timestamp is not None
        else np.empty(0, np.int64),
        popular=tuple(popular),
        bad=tuple(map(str, bad[:_SHOWN])),
    )


def _counts(counts: npt.NDArray[np.int64]) -> Counts:
    ordered = np.sort(counts)[::-1]
    total = max(1, int(ordered.sum()))
    n = len(ordered)
    rising = ordered[::-1]
    gini = float((2 * np.arange(1, n + 1) - n - 1) @ rising / (n * total))
    return Counts(
        int(ordered[-1]),
        float(np.median(ordered)),
        float(ordered.mean()),
        int(ordered[0]),
        int((ordered < 5).sum()),
        float(ordered[: max(1, n // 100)].sum() / total),
        gini,
    )


def _values(value: npt.NDArray[np.float64]) -> tuple[tuple[str, int], ...]:
    found, counts = np.unique(value, return_counts=True)
    if len(found) <= 12:
        return tuple((f"{v:g}", int(c)) for v, c in zip(found, counts, strict=True))
    edges = np.unique(np.quantile(value, [0, 0.25, 0.5, 0.75, 0.95, 1]))
    counts = np.histogram(value, edges)[0]
    return tuple(
        (f"{low:,.6g} to {high:,.6g}", int(c))
        for low, high, c in zip(edges, edges[1:], counts, strict=False)
    )


def _span(summary: Summary) -> tuple[str, str] | None:
    if summary.first_timestamp is None or summary.last_timestamp is None:
        return None
    return day_of(summary.first_timestamp), day_of(summary.last_timestamp)


def day_of(ms: int) -> str:
    """The day of a timestamp, in UTC."""
    try:
        return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms):%Y-%m-%d}"
    except OverflowError:
        return f"the timestamp {ms}"
