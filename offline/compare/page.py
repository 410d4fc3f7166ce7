"""The comparison as a page: one file, nothing from the network."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from offline.compare.paired import Pair
from offline.compare.runs import Failed, Run
from offline.compare.text import Column, apart, cell, shown_p
from offline.pages import render_page

_WIDTH = 640.0


class Row(NamedTuple):
    """A model in the picture: x positions, 0 to `_WIDTH`, of a value and its 95 % interval."""

    name: str
    text: str
    low: float
    at: float
    high: float


def render(
    runs: Sequence[Run], failed: Sequence[Failed], pairs: Sequence[Pair], table: Sequence[Column]
) -> str:
    """The page; all that comes from the data is escaped."""
    return render_page(
        Path(__file__).with_name("page.html"),
        facts=runs[0].facts,
        table=table,
        rows=[(run.name, [cell(run, column) for column in table]) for run in runs],
        picture=_picture(runs, table[0]),
        width=_WIDTH,
        pairs=pairs,
        shown_p=shown_p,
        apart=apart(pairs, table[0].title)[0] if pairs else "",
        failed=failed,
    )


def _picture(runs: Sequence[Run], column: Column) -> list[Row]:
    found = [(run.facts[column.key], run.facts.get(f"{column.key}_95") or 0.0) for run in runs]
    most = max((value + half for value, half in found), default=1.0) or 1.0

    def x(value: float) -> float:
        return round(max(0.0, value) / most * _WIDTH, 1)

    return [
        Row(run.name, cell(run, column), x(value - half), x(value), x(value + half))
        for run, (value, half) in zip(runs, found, strict=True)
    ]
