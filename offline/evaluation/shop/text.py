"""An evaluation as tables of text, and as JSON."""

import math
from collections.abc import Iterable
from typing import Any

from offline.evaluation.shop.measures import LENGTHS, Estimate, Row
from offline.evaluation.shop.time_cut import Evaluation

MEASURES = ("recall", "precision", "ndcg", "mrr")
_HEAD = ("model", "k", *MEASURES, "coverage", "novelty")


def as_text(found: Evaluation, lengths: Iterable[int] = LENGTHS) -> str:
    """A table for each segment; intervals in brackets."""
    blocks = ["\n".join(found.told)]
    for segment in dict.fromkeys(row.segment for row in found.rows):
        rows = [row for row in found.rows if row.segment == segment]
        one = rows[0]
        title = f"{segment}: {one.targets:,} targets, {one.cases:,} lists"
        blocks.append(f"{title}\n{_aligned([_HEAD, *_cells(rows, lengths)])}")
    blocks.append("95 % intervals in brackets, by the bootstrap over visitors or sessions")
    return "\n\n".join(blocks)


def _cells(rows: list[Row], lengths: Iterable[int]) -> Iterable[tuple[str, ...]]:
    for row in rows:
        for k in lengths:
            values = [shown(row.values[f"{name}@{k}"]) for name in MEASURES]
            novelty = row.values[f"novelty@{k}"].mean
            yield (
                row.model,
                str(k),
                *values,
                f"{row.overall[f'coverage@{k}']:.4f}",
                f"{novelty:.2f}",
            )


def shown(value: Estimate) -> str:
    """`.2312 [.2201, .2420]`."""
    return f"{value.mean:.4f} [{value.lower:.4f}, {value.upper:.4f}]"


def _aligned(rows: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def as_json(found: Evaluation) -> dict[str, Any]:
    """All of it; values that are not defined are null."""
    return {
        "told": list(found.told),
        **found.counts,
        "rows": [
            {
                "model": row.model,
                "segment": row.segment,
                "lists": row.cases,
                "targets": row.targets,
                **{name: _number(value.mean) for name, value in row.values.items()},
                **{
                    f"{name}_95": [_number(value.lower), _number(value.upper)]
                    for name, value in row.values.items()
                },
                **row.overall,
            }
            for row in found.rows
        ],
    }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
