"""Neither the order of rows nor the size of an id says anything: other ones, the same quality."""

import numpy as np
import pytest
from scipy import sparse

from offline.datasets.dataset import Dataset
from offline.evaluation.protocols import same_users
from offline.models.registry import make_model, names_of


def _groups(n_users: int = 120, n_items: int = 80) -> tuple[sparse.csr_matrix, ...]:
    """Train and test: users like one of four groups of items, some items more than others."""
    rng = np.random.default_rng(5)
    size = n_items // 4
    chance = rng.dirichlet(np.full(size, 3.0))
    parts = np.zeros((2, n_users, n_items), dtype=np.float32)
    for user in range(n_users):
        liked = user % 4 * size + rng.choice(size, 12, replace=False, p=chance)
        parts[0, user, liked[:9]] = parts[1, user, liked[9:]] = 1
    return sparse.csr_matrix(parts[0]), sparse.csr_matrix(parts[1])


def _quality(model: str, train: sparse.csr_matrix, test: sparse.csr_matrix) -> float:
    users, items = map(np.arange, train.shape)
    data = Dataset("groups", train, test, users, items)
    found = same_users(make_model(model, seed=1), data, np.random.default_rng(1))
    return float(found.per_user["ndcg@20"].mean())


@pytest.mark.parametrize("model", names_of("likes"))
def test_other_names_and_another_order_give_the_same_quality(model: str) -> None:
    train, test = _groups()
    expected = _quality(model, train, test)
    rng = np.random.default_rng(9)
    users, items = (rng.permutation(n) for n in train.shape)
    renamed = [part[users][:, items] for part in (train, test)]
    assert not renamed[0].has_sorted_indices
    # Chance still differs: ties, what is held out to choose by, where learning starts.
    tolerance = 1e-6 if model in ("item-knn", "ease", "pure-svd") else 0.06
    assert _quality(model, *renamed) == pytest.approx(expected, abs=tolerance)
