"""The ranker beside orders that need none, on the part of the log that no choice has seen."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offline.ranker.dataset import Part
from offline.ranker.metrics import Measure, baselines, known_before, measures, ranks
from offline.ranker.trees import Trees

RANKER = "ranker"
_SHOWN = ("hit_5", "hit_10", "ndcg_10", "mrr")
_CHUNK = 5000


def measured(trees: Trees, part: Part, names: tuple[str, ...], seed: int) -> dict[str, Any]:
    """The table of a part, and how many groups it is of."""
    chunks = range(0, len(part.values), _CHUNK)
    scores = np.concatenate([trees.scores(part.values[at : at + _CHUNK]) for at in chunks])
    places = {
        name: ranks(of, part) for name, of in {RANKER: scores, **baselines(part, names)}.items()
    }
    known = known_before(part, names)
    masks: dict[str, NDArray[np.bool_]] = {
        "all targets": np.ones(len(known), dtype=bool),
        "known to the visitor": known,
        "new to the visitor": ~known,
    }
    table: dict[str, Any] = {}
    for name, mask in masks.items():
        if mask.any():
            table[name] = {"groups": int(mask.sum())} | {
                order: measures(of[mask], part.visitors[mask], seed)
                for order, of in places.items()
            }
    return table


def as_json(table: Mapping[str, Any]) -> dict[str, Any]:
    """The table with [mean, low, high] for each measure."""

    def plain(value: Any) -> Any:
        if isinstance(value, Measure):
            return [round(number, 6) for number in value]
        if isinstance(value, Mapping):
            return {key: plain(of) for key, of in value.items()}
        return value

    return {key: plain(of) for key, of in table.items()}


def tell(table: Mapping[str, Any], echo: Callable[[str], None]) -> None:
    """The table for a person."""
    for targets, rows in table.items():
        echo(f"{targets}: {rows['groups']:,} groups")
        echo("  " + " " * 14 + "".join(f"{name:>24}" for name in _SHOWN))
        for order, found in rows.items():
            if order != "groups":
                cells = [
                    f"{found[n].mean:.4f} ({found[n].low:.4f}–{found[n].high:.4f})" for n in _SHOWN
                ]
                echo(f"  {order:14}" + "".join(f"{cell:>24}" for cell in cells))
