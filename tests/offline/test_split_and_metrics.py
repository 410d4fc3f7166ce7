"""What is held out, and what ranking metrics say of it."""

import numpy as np
import pytest
from scipy import sparse

from offline.metrics import ranking_metrics
from offline.split import split_interactions


def test_split_parts_are_disjoint_and_whole() -> None:
    rng = np.random.default_rng(1)
    whole = sparse.csr_matrix((rng.random((200, 50)) < 0.1).astype(np.float32))
    split = split_interactions(whole, 0.5, 0.2, rng)
    assert (split.train + split.held_out != whole).nnz == 0
    assert split.train.multiply(split.held_out).nnz == 0
    counts, held = np.diff(whole.indptr), np.diff(split.held_out.indptr)
    chosen = held > 0
    assert chosen.sum() == round(0.5 * (counts >= 2).sum())
    np.testing.assert_array_equal(
        held[chosen], np.clip(np.round(0.2 * counts[chosen]), 1, counts[chosen] - 1)
    )


def test_metrics_by_hand() -> None:
    relevant = sparse.csr_matrix(np.array([[1, 1, 0, 0], [0, 0, 0, 1], [1, 1, 1, 0]]))
    lists = np.array([[2, 0], [3, 0], [3, 2]])
    found = ranking_metrics(lists, relevant)
    second = 1 / np.log2(3)
    assert found.ndcg == pytest.approx([second / (1 + second), 1.0, second / (1 + second)])
    # Of the best two of one or more relevant tracks.
    assert found.recall == pytest.approx([0.5, 1.0, 0.5])
