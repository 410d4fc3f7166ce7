"""What training holds out, and what ranking metrics say of it."""

import numpy as np
import pytest
from scipy import sparse

from offline.data.matrix import InteractionMatrix
from offline.data.splits import held_out
from offline.errors import InputError
from offline.metrics.ranking import ranking_metrics

from ..camps import options

HALF = options(held_out_users=0.5, held_out_share=0.2)


@pytest.fixture
def whole() -> sparse.csr_matrix:
    rng = np.random.default_rng(1)
    return sparse.csr_matrix((rng.random((200, 50)) < 0.1).astype(np.float32))


def test_split_parts_are_disjoint_and_whole(whole: sparse.csr_matrix) -> None:
    held = held_out(InteractionMatrix.of(whole), HALF, np.random.default_rng(2))
    counts = np.diff(whole.indptr)
    assert len(held.users) == round(0.5 * (counts >= 2).sum())
    assert (np.diff(held.users) > 0).all()
    assert held.seen.multiply(held.wanted).nnz == 0
    assert (held.seen + held.wanted != whole[held.users]).nnz == 0
    given = counts[held.users]
    np.testing.assert_array_equal(
        np.diff(held.wanted.indptr), np.clip(np.round(0.2 * given), 1, given - 1)
    )
    # What is trained on is all else.
    train = held.train.take(np.arange(200))
    assert (train[held.users] != held.seen).nnz == 0
    others = np.setdiff1d(np.arange(200), held.users)
    assert (train[others] != whole[others]).nnz == 0


def test_no_more_users_than_asked_for(whole: sparse.csr_matrix) -> None:
    few = HALF.model_copy(update={"held_out_most": 7})
    assert len(held_out(InteractionMatrix.of(whole), few, np.random.default_rng(2)).users) == 7


def test_one_stream_one_split(whole: sparse.csr_matrix) -> None:
    one, again, other = (
        held_out(InteractionMatrix.of(whole), HALF, np.random.default_rng(seed))
        for seed in (2, 2, 3)
    )
    assert (one.wanted != again.wanted).nnz == 0
    assert one.users.tolist() != other.users.tolist()


def test_of_two_interactions_one_is_kept() -> None:
    pairs = sparse.csr_matrix(np.tile([1, 1, 0], (9, 1)).astype(np.float32))
    all_but = options(held_out_users=1.0, held_out_share=0.9)
    held = held_out(InteractionMatrix.of(pairs), all_but, np.random.default_rng(1))
    assert np.diff(held.seen.indptr).tolist() == np.diff(held.wanted.indptr).tolist() == [1] * 9


def test_nobody_has_anything_to_give() -> None:
    with pytest.raises(InputError, match="no user has two interactions"):
        held_out(InteractionMatrix.of(sparse.csr_matrix((3, 4))), HALF, np.random.default_rng(1))


def test_metrics_by_hand() -> None:
    relevant = sparse.csr_matrix(np.array([[1, 1, 0, 0], [0, 0, 0, 1], [1, 1, 1, 0]]))
    lists = np.array([[2, 0], [3, 0], [3, 2]])
    found = ranking_metrics(lists, relevant)
    second = 1 / np.log2(3)
    assert found.ndcg == pytest.approx([second / (1 + second), 1.0, second / (1 + second)])
    # Of the best two of one or more relevant tracks.
    assert found.recall == pytest.approx([0.5, 1.0, 0.5])
