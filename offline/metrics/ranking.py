"""Ranking metrics: one value per user."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from offline.errors import InputError


class RankingMetrics(NamedTuple):
    """Per-user values, shape (n_users,)."""

    ndcg: NDArray[np.float64]
    recall: NDArray[np.float64]


class Ranked:
    """Lists next to what is relevant: the metrics at any k up to the lists' length.

    `lists`: item ids, shape (n_users, length), best first, -1 where a list has ended. `relevant`:
    binary user × item matrix with a row for each list and at least one item in each row. Raises
    InputError where the two do not fit.
    """

    def __init__(self, lists: NDArray[np.int64], relevant: sparse.csr_matrix) -> None:
        if len(lists) != relevant.shape[0]:
            raise InputError(f"{len(lists)} lists for {relevant.shape[0]} users: one each")
        self.sizes = np.diff(relevant.indptr)
        if not self.sizes.all():
            raise InputError(
                f"user {int(np.argmin(self.sizes))} has no relevant items: no metric is defined"
            )
        if lists.max(initial=-1) >= relevant.shape[1]:
            raise InputError(
                f"item {lists.max()} is listed: the largest item is {relevant.shape[1] - 1}"
            )
        self.hits = _hits(lists, relevant)

    def recall(self, k: int) -> NDArray[np.float64]:
        """Share of all relevant items that the first k places hold, as in the LightGCN papers."""
        return self._found(k) / self.sizes

    def capped_recall(self, k: int) -> NDArray[np.float64]:
        """Recall of min(k, relevant items), so that 1 can be reached: Liang et al. (WWW 2018)."""
        return self._found(k) / np.minimum(self.sizes, k)

    def ndcg(self, k: int) -> NDArray[np.float64]:
        """Gain 1 / log2(rank + 1), ranks from 1, over that of min(k, relevant) hits on top."""
        gains = 1.0 / np.log2(np.arange(2, k + 2))
        ideal = np.cumsum(gains)[np.minimum(self.sizes, k) - 1]
        found: NDArray[np.float64] = self.hits[:, :k] @ gains[: self.hits.shape[1]] / ideal
        return found

    def precision(self, k: int) -> NDArray[np.float64]:
        """Share of the first k places that are relevant; a list that ends before counts as k."""
        return self._found(k) / k

    def reciprocal_rank(self, k: int) -> NDArray[np.float64]:
        """1 / rank of the first relevant item, ranks from 1; 0 where none is in k places."""
        hits = self.hits[:, :k]
        found: NDArray[np.float64] = hits.any(axis=1) / (hits.argmax(axis=1) + 1.0)
        return found

    def _found(self, k: int) -> NDArray[np.int64]:
        found: NDArray[np.int64] = self.hits[:, :k].sum(axis=1)
        return found


def ranking_metrics(lists: NDArray[np.int64], relevant: sparse.csr_matrix) -> RankingMetrics:
    """NDCG@k and capped recall@k, k the length of the lists; arguments as those of `Ranked`."""
    ranked = Ranked(lists, relevant)
    return RankingMetrics(ranked.ndcg(lists.shape[1]), ranked.capped_recall(lists.shape[1]))


def _hits(lists: NDArray[np.int64], relevant: sparse.csr_matrix) -> NDArray[np.bool_]:
    """Which places hold a relevant item, shape of `lists`."""
    # Pairs as one number each, so that one pass looks up all: faster than indexing the matrix.
    n_items = relevant.shape[1]
    users = np.repeat(np.arange(len(lists)), np.diff(relevant.indptr))
    known = np.sort(users * n_items + relevant.indices)
    pairs = np.arange(len(lists))[:, None] * n_items + lists
    at = np.searchsorted(known, pairs)
    at[at == len(known)] = 0
    found: NDArray[np.bool_] = (known[at] == pairs) & (lists >= 0)
    return found
