"""A shop's data for the benchmark of serving, made from a seed once, and kept."""

import os
from pathlib import Path

import numpy as np
import orjson

from bench.serve.data import Data, emptied, lists_of, rows_of, say, write_rows

LIST, NEIGHBOURS, POPULAR = 50, 20, 100
EVENTS = 5
"""Of each visitor, before anything is asked."""


def made_shop(root: Path, visitors: int, items: int, seed: int) -> Data:
    """Lists of `items` for each visitor, neighbours of each item, and events of each visitor.

    Items are random: what is in a list does not affect the time of serving it.
    """
    directory = root / f"shop-{items}-items-{visitors}-visitors-seed-{seed}"
    if not directory.exists():
        say(f"making a shop in {directory}: seconds, once")
        rng = np.random.default_rng(seed)
        aside = emptied(directory.with_name(f"{directory.name}.unfinished"))
        write_rows(
            aside / "items.json",
            (
                {"item": item, "title": f"Item {item}", "category": f"c{item % 50}", "price": 9}
                for item in range(items)
            ),
        )
        lists = rows_of("user", "items", lists_of(visitors, LIST, items, rng))
        write_rows(aside / "recommendations.json", lists)
        # Sums with 1 to items - 1 are of other items.
        steps = lists_of(items, NEIGHBOURS, items - 1, rng)
        scores = np.linspace(1, 0.1, min(NEIGHBOURS, items - 1)).round(3).tolist()
        write_rows(
            aside / "neighbours.json",
            (
                {"item": item, "items": [(item + 1 + by) % items for by in of], "scores": scores}
                for item, of in enumerate(steps)
            ),
        )
        top = rng.choice(items, min(POPULAR, items), replace=False).tolist()
        (aside / "popular.json").write_bytes(orjson.dumps({"items": top}))
        seen = rng.integers(items, size=(visitors, EVENTS)).tolist()
        write_rows(
            aside / "events.json",
            ({"user": user, "item": item} for user, of in enumerate(seen) for item in of),
        )
        os.replace(aside, directory)
    return Data(directory, visitors, items)
