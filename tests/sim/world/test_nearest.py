"""The nearest tracks, against sorting the whole catalog."""

import numpy as np
import pytest

from sim.listener import affinity
from sim.world.nearest import nearest


def slowly(embeddings: np.ndarray, query: int, k: int) -> list[int]:
    tracks = range(len(embeddings))
    return sorted(tracks, key=lambda t: (-affinity(embeddings, t, query), t))[:k]


@pytest.mark.parametrize("n", [1, 2, 63, 64, 65, 128, 300])
@pytest.mark.parametrize("whole_numbers", [False, True], ids=["any values", "many ties"])
def test_nearest_is_what_sorting_the_catalog_gives(n: int, whole_numbers: bool) -> None:
    rng = np.random.default_rng(n)
    embeddings = rng.normal(size=(n, 5)).astype(np.float32)
    if whole_numbers:
        embeddings = np.rint(embeddings)
    queries = rng.integers(0, n, 20)
    for k in sorted({1, min(n, 10), min(n, 64), min(n, 65), n}):
        found = nearest(embeddings, queries, k)
        assert found.tolist() == [slowly(embeddings, int(query), k) for query in queries]


def test_scores_that_float32_cannot_tell_apart_are_told_apart() -> None:
    """Inner products of a thousand dimensions that differ in their tenth digit."""
    rng = np.random.default_rng(1)
    embeddings = np.repeat(rng.normal(size=(1, 1000)), 200, axis=0).astype(np.float32)
    embeddings[:, 0] += rng.permutation(200).astype(np.float32) * np.float32(1e-6)
    embeddings[7] = rng.normal(size=1000)
    for query in (0, 7):
        assert nearest(embeddings, np.array([query]), 50).tolist() == [
            slowly(embeddings, query, 50)
        ]
