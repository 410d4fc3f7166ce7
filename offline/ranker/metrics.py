"""How well an order of candidates puts the target first."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from offline.ranker.dataset import Part

KS = (5, 10, 20)
_SAMPLES = 1000


class Measure(NamedTuple):
    """A mean over groups, with its interval."""

    mean: float
    low: float
    """2.5 % and ..."""
    high: float
    """... 97.5 % of resamples of visitors with all their groups."""


def ranks(scores: NDArray[np.float64], part: Part) -> NDArray[np.int64]:
    """Of each group, the place of its first target by score, from 0; ties by the order of rows."""
    places = np.empty(len(part.starts) - 1, dtype=np.int64)
    for group, (first, last) in enumerate(zip(part.starts[:-1], part.starts[1:], strict=True)):
        order = np.argsort(-scores[first:last], kind="stable")
        places[group] = np.argmax(part.labels[first:last][order] > 0)
    return places


def measures(
    places: NDArray[np.int64], visitors: NDArray[np.int64], seed: int
) -> dict[str, Measure]:
    """Hit rate and NDCG at KS, and MRR, of the places of targets; one target a group counts."""
    gain = 1 / np.log2(places + 2)
    values = {f"hit_{k}": (places < k).astype(np.float64) for k in KS}
    values |= {f"ndcg_{k}": np.where(places < k, gain, 0.0) for k in KS}
    values["mrr"] = 1 / (places + 1.0)
    known, of = np.unique(visitors, return_inverse=True)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(known), np.full(len(known), 1 / len(known)), _SAMPLES)
    sizes = np.bincount(of, minlength=len(known))
    found = {}
    for name, value in values.items():
        sums = np.bincount(of, value, minlength=len(known))
        means = (drawn @ sums) / (drawn @ sizes)
        low, high = np.quantile(means, [0.025, 0.975])
        found[name] = Measure(float(value.mean()), float(low), float(high))
    return found


def known_before(part: Part, names: tuple[str, ...]) -> NDArray[np.bool_]:
    """Of each group, whether the visitor had done something with its first target already."""
    place = part.values[:, names.index("visitor_item_place")]
    firsts = [
        first + int(np.argmax(part.labels[first:last]))
        for first, last in zip(part.starts[:-1], part.starts[1:], strict=True)
    ]
    found: NDArray[np.bool_] = ~np.isnan(place[firsts])
    return found


def baselines(part: Part, names: tuple[str, ...]) -> Mapping[str, NDArray[np.float64]]:
    """Scores of rows that need no ranker: popularity, and the order in which candidates came."""
    popular = sum(part.values[:, names.index(name)] for name in _POPULARITY)
    row = np.arange(len(part.labels), dtype=np.float64)
    return {"popularity": np.asarray(popular, dtype=np.float64), "first source": -row}


_POPULARITY = ("item_views", "item_carts", "item_purchases")
