"""Statistics by which a generated world is compared with real listening (docs/worlds.md)."""

import numpy as np
from numpy.typing import NDArray

from sim.world.model import World
from sim.worldgen.users import Library


def describe(world: World, library: Library, rng: np.random.Generator) -> dict[str, float]:
    """Named statistics of what users play (`library`) and of taste space (`world`)."""
    listeners = np.bincount(library.tracks, minlength=len(world.catalog))
    played = np.sort(listeners[listeners > 0])[::-1]
    n_users = len(world.users)
    per_artist = np.bincount(world.catalog.artist_of)
    interests, bounds = world.users.interests, world.users.bounds
    unit = world.embeddings / np.maximum(
        np.linalg.norm(world.embeddings, axis=1, keepdims=True), 1e-12
    )

    def cosine(a: NDArray[np.int64], b: NDArray[np.int64]) -> float:
        return float(np.einsum("nd,nd->n", unit[a], unit[b]).mean())

    at_least_two = np.flatnonzero(np.diff(bounds) >= 2)
    any_interest = rng.choice(interests, size=20_000)
    return {
        "tracks per user, median": float(np.median(np.diff(library.bounds))),
        "share of users who play the top track": float(played[0] / n_users),
        "share of users who play the 10th track": float(played[min(9, len(played) - 1)] / n_users),
        "share of users who play the 100th track": float(
            played[min(99, len(played) - 1)] / n_users
        ),
        "share of listening on the top 1 % of tracks": float(
            played[: max(1, len(played) // 100)].sum() / played.sum()
        ),
        "Gini coefficient of listeners per track": gini(played),
        "distinct tracks among interests, share": len(np.unique(interests)) / len(interests),
        "tracks per artist, mean": float(per_artist.mean()),
        "tracks per artist, 90th percentile": float(np.quantile(per_artist, 0.9)),
        "tracks per artist, 99th percentile": float(np.quantile(per_artist, 0.99)),
        "cosine of two interests of one user": cosine(
            interests[bounds[at_least_two]], interests[bounds[at_least_two] + 1]
        ),
        "cosine of interests of two users": cosine(any_interest, rng.choice(interests, 20_000)),
        "cosine of an interest and a random track": cosine(
            any_interest, rng.integers(0, len(world.catalog), 20_000)
        ),
    }


def gini(counts: NDArray[np.int64]) -> float:
    """Gini coefficient of positive counts: 0 if all are equal, near 1 if one has nearly all."""
    ordered = np.sort(counts)
    n = len(ordered)
    ranks = np.arange(1, n + 1)
    return float(2 * (ranks * ordered).sum() / (n * ordered.sum()) - (n + 1) / n)
