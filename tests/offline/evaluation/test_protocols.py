"""The two protocols, and what is held out for them."""

import numpy as np
import pytest
from scipy import sparse

from offline.data.splits import hold_out, hold_out_users
from offline.datasets.dataset import Dataset
from offline.errors import InputError
from offline.evaluation.protocols import same_users, strong_generalisation
from offline.models.bpr import BPR
from offline.models.popular import Popular
from offline.models.pure_svd import PureSVD


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def camps(n_users: int = 200, n_items: int = 120) -> sparse.csr_matrix:
    """Each user has 12 items of one of two halves."""
    dense = np.zeros((n_users, n_items), dtype=np.float32)
    draw = rng(6)
    for user in range(n_users):
        dense[user, user % 2 * 60 + draw.choice(60, 12, replace=False)] = 1
    return sparse.csr_matrix(dense)


def dataset(
    train: sparse.csr_matrix,
    test: sparse.csr_matrix | None = None,
    artists: np.ndarray | None = None,
) -> Dataset:
    users, items = map(np.arange, train.shape)
    return Dataset("some", train, test, users, items, artists)


def test_a_share_of_each_user_is_held_out() -> None:
    whole = sparse.csr_matrix((rng().random((300, 50)) < 0.1).astype(np.float32))
    seen, held = hold_out(whole, 0.2, rng())
    assert (seen + held != whole).nnz == 0
    assert seen.multiply(held).nnz == 0
    sizes, found = np.diff(whole.indptr), np.diff(held.indptr)
    assert (found[sizes < 2] == 0).all()
    some = sizes >= 2
    expected = np.clip(np.round(0.2 * sizes[some]), 1, sizes[some] - 1)
    np.testing.assert_array_equal(found[some], expected)
    assert {0, 1} <= set(sizes.tolist())


def test_every_interaction_is_as_likely_to_be_held_out() -> None:
    whole = sparse.csr_matrix(np.ones((4000, 5), dtype=np.float32))
    _, held = hold_out(whole, 0.4, rng())
    shares = np.bincount(held.indices) / 4000
    np.testing.assert_allclose(shares, 0.4, atol=4 * np.sqrt(0.4 * 0.6 / 4000))


def test_users_apart() -> None:
    whole = camps()
    whole = sparse.vstack([whole, sparse.csr_matrix((5, 120))]).tocsr()  # five have nothing
    train, validation, test, items = hold_out_users(whole, 0.1, 0.25, rng())
    assert train.shape == (160, len(items))
    for group in (validation, test):
        assert group.seen.shape == group.held_out.shape == (20, len(items))
        assert (np.diff(group.held_out.indptr) == 3).all()
        assert (np.diff(group.seen.indptr) == 9).all()
    # Nobody is in two groups: together the rows are those of the whole.
    rows = sparse.vstack([train, *(group.seen + group.held_out for group in (validation, test))])
    expected = sorted(map(tuple, whole[:200][:, items].toarray().tolist()))
    assert sorted(map(tuple, rows.toarray().tolist())) == expected


def test_items_that_nobody_in_training_has_are_left_out() -> None:
    dense = np.ones((10, 14), dtype=np.float32)
    dense[:, 4:] = np.eye(10)  # an item for each user alone
    split = hold_out_users(sparse.csr_matrix(dense), 0.2, 0.25, rng())
    assert len(split.items) == 4 + 6
    assert (np.diff(split.train.indptr) == 5).all()
    assert (split.train.sum(axis=0) > 0).all()


@pytest.mark.parametrize("matrix", [np.ones((3, 4)), np.eye(40), np.zeros((9, 4))])
def test_too_few_users_are_refused(matrix: np.ndarray) -> None:
    with pytest.raises(InputError, match="too few to hold out"):
        hold_out_users(sparse.csr_matrix(matrix), 0.1, 0.2, rng())


def test_same_users_by_hand() -> None:
    """Popular lists 0, 1, 2, ... for all; user 0 has seen 0, and finds 1 of its 2 at place 1."""
    train = np.zeros((4, 60))
    train[0, 0] = train[1, [0, 1]] = train[2, [0, 1, 2]] = 1
    test = np.zeros((4, 60))
    test[0, [1, 50]] = test[3, 59] = 1
    artists = np.zeros(60, dtype=np.int64)
    data = dataset(sparse.csr_matrix(train), sparse.csr_matrix(test), artists)
    found = same_users(Popular(), data, rng())
    assert (found.users, found.items, found.interactions, found.test_users) == (3, 60, 6, 2)
    assert found.per_user["recall@20"].tolist() == [0.5, 0]
    assert found.per_user["ndcg@20"].tolist() == pytest.approx([1 / (1 + 1 / np.log2(3)), 0])
    # Lists of items 1 and 2, and 0 to 2: the others are nobody's.
    assert found.overall["coverage@20"] == 3 / 60
    assert found.per_user["popularity@20"].tolist() == pytest.approx([3 / 2, 6 / 3])
    bits = [-np.log2(2 / 3), -np.log2(1 / 3)]
    assert found.per_user["novelty@20"][0] == pytest.approx(np.mean(bits))
    assert found.per_user["artist_diversity@20"].tolist() == [0, 0]
    assert found.overall["gini@20"] > 0.6
    assert found.with_short_choice == 0
    assert found.seconds_to_train > 0
    assert found.seconds_to_recommend > 0


def test_users_to_whom_all_items_are_offered_are_counted() -> None:
    train, test = np.zeros((3, 23)), np.zeros((3, 23))
    train[0, :2] = train[1, :3] = train[2, :9] = 1  # 21, 20 and 14 are left
    test[:, 20] = 1
    found = same_users(
        Popular(), dataset(sparse.csr_matrix(train), sparse.csr_matrix(test)), rng()
    )
    assert (found.with_short_choice, found.test_users) == (2, 3)
    found = strong_generalisation(Popular(), dataset(camps()[:, :20]), rng())
    assert found.with_short_choice == found.test_users > 0


def test_same_users_without_a_split_hold_out_a_fifth() -> None:
    found = same_users(PureSVD(factors=2), dataset(camps()), rng())
    assert found.interactions == 200 * 10
    assert found.test_users == 200
    # Twenty of the 50 items of the right half hold 20 / 50 of them; of the wrong one, none.
    assert found.per_user["recall@20"].mean() == pytest.approx(0.4, abs=0.05)


@pytest.mark.parametrize("protocol", [same_users, strong_generalisation])
def test_one_seed_gives_one_result(protocol: type) -> None:
    one, two, other = (
        protocol(PureSVD(factors=4), dataset(camps()), rng(seed)) for seed in (1, 1, 2)
    )
    for name, values in one.per_user.items():
        np.testing.assert_array_equal(values, two.per_user[name])
    assert (one.per_user["recall@20"] != other.per_user["recall@20"]).any()


def test_strong_generalisation_knows_strangers_by_their_history() -> None:
    found = strong_generalisation(PureSVD(factors=2), dataset(camps()), rng())
    assert found.users == 160
    assert found.test_users == 20
    assert found.per_user["recall@20"].mean() == pytest.approx(0.4, abs=0.12)
    assert (found.per_user["recall@50"] == 1).all()
    assert set(found.per_user) >= {"recall@20", "recall@50", "ndcg@100"}


def test_strong_generalisation_splits_train_and_test_together() -> None:
    seen, held = hold_out(camps(), 0.3, rng())
    one = strong_generalisation(PureSVD(factors=2), dataset(seen, held), rng())
    two = strong_generalisation(PureSVD(factors=2), dataset(camps()), rng())
    np.testing.assert_array_equal(one.per_user["ndcg@100"], two.per_user["ndcg@100"])


def test_artists_follow_the_items_that_are_left() -> None:
    """Item 0 is nobody's: were the artists out of step, items of one artist would seem apart."""
    whole = sparse.hstack([sparse.csr_matrix((200, 1)), camps()]).tocsr()
    artists = np.array([9] + [1] * 60 + [2] * 60)
    found = strong_generalisation(PureSVD(factors=2), dataset(whole, artists=artists), rng())
    np.testing.assert_array_equal(found.per_user["artist_diversity@20"], 0)


def test_a_model_that_cannot_fold_in_is_refused_before_it_trains() -> None:
    model = BPR(iterations=10**9)
    with pytest.raises(InputError, match="bpr ranks only for users it was fitted on"):
        strong_generalisation(model, dataset(camps()), rng())


def test_nothing_to_hold_out_is_refused() -> None:
    with pytest.raises(InputError, match="no user has two interactions"):
        same_users(Popular(), dataset(sparse.csr_matrix(np.eye(4))), rng())
