"""The scores of a site's rows, by hand."""

import numpy as np
import pytest
from scipy import sparse

from offline.similarity import rows
from offline.similarity.nearest import Neighbours

#                                 items 0  1  2  3
RATINGS = sparse.csr_matrix([[5, 1, 0, 0], [4, 0, 5, 3], [5, 0, 4, 0]], dtype=np.float32)
NEAR = Neighbours(np.array([0, 0]), np.array([1, 2]), np.array([0.5, 0.25]))
ME = np.array([0])


def test_popular_counts_likes_alone() -> None:
    assert rows.popular(RATINGS, 4).tolist() == [3, 0, 2, 0]


def test_neighbours_count_by_similarity_and_from_their_own_mean() -> None:
    scores = rows.collaborative(RATINGS, NEAR, ME, 4, minimum=2, lift=1)[0]
    # Means 4 and 4.5: 0.5 · (5 - 4 + 1) + 0.25 · (4 - 4.5 + 1), and 2 likes.
    assert scores[2] == pytest.approx(1.125 * np.log(3) ** 2)
    assert np.isneginf(scores[3])  # one neighbour is not enough
    assert np.isneginf(scores[1])  # the user's own rating is none of a neighbour's
    alone = rows.collaborative(RATINGS, NEAR, ME, 4, minimum=1, lift=1)[0]
    assert alone[3] == 0  # 3 is below that neighbour's mean, and nobody liked it


def test_a_rating_at_the_mean_stays_a_rating() -> None:
    same = sparse.csr_matrix([[3.0, 3.0, 0.0]])
    assert rows.centred(same).nnz == 2


def test_a_profile_is_of_what_was_rated_well() -> None:
    tags = sparse.csr_matrix([[1, 0], [0, 1], [1, 0], [0, 1]], dtype=float)
    scores = rows.profile(RATINGS, tags, ME, 4, lift=2, weight=1)[0]
    # Items 0 and 1 are 2 above and below the mean: tag weights 4 and 0.
    assert scores.tolist() == pytest.approx([4, 0, 3, 0])
