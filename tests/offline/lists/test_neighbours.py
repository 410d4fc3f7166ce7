"""Item-to-item neighbours against the plain definition."""

import numpy as np
import pytest
from scipy import sparse

from offline.lists import neighbours
from offline.lists.neighbours import cosine_neighbours


def by_definition(dense: np.ndarray, track: int, k: int, least: int) -> list[int]:
    together = {
        other: int((dense[:, track] * dense[:, other]).sum())
        for other in range(dense.shape[1])
        if other != track
    }
    near = {other: n for other, n in together.items() if n >= least}
    near = near or {other: n for other, n in together.items() if n > 0}
    users = dense.sum(axis=0)
    return sorted(near, key=lambda o: (-near[o] / np.sqrt(users[track] * users[o]), o))[:k]


def test_neighbours_are_the_nearest_by_cosine() -> None:
    rng = np.random.default_rng(4)
    dense = (rng.random((60, 30)) < rng.uniform(0.02, 0.5, 30)).astype(np.float32)
    found = cosine_neighbours(sparse.csr_matrix(dense), 7, least_in_common=5)
    for track in range(30):
        expected = by_definition(dense, track, 7, 5)
        assert found[track][found[track] >= 0].tolist() == expected
        assert (found[track, len(expected) :] == -1).all()


def test_chance_company_counts_only_where_there_is_no_better() -> None:
    dense = np.zeros((21, 4), dtype=np.float32)
    dense[:20, :2] = 1  # tracks 0 and 1: twenty users in common
    dense[20, [0, 2]] = 1  # tracks 0 and 2: one user
    found = cosine_neighbours(sparse.csr_matrix(dense), 3)
    assert found[0].tolist() == [1, -1, -1]
    assert found[2].tolist() == [0, -1, -1]
    assert found[3].tolist() == [-1, -1, -1]


def test_a_few_users_and_tracks_at_a_time_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    matrix = sparse.csr_matrix((rng.random((90, 30)) < 0.3).astype(np.float32))
    whole = cosine_neighbours(matrix, 7, least_in_common=5)
    monkeypatch.setattr(neighbours, "_ENTRIES", 40)
    monkeypatch.setattr(neighbours, "_COUNTS", 4 * 30)
    np.testing.assert_array_equal(cosine_neighbours(matrix, 7, least_in_common=5), whole)
