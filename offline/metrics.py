"""Ranking metrics, averaged over users."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse


class RankingMetrics(NamedTuple):
    """Per-user values, shape (n_users,)."""

    ndcg: NDArray[np.float64]
    recall: NDArray[np.float64]


def ranking_metrics(lists: NDArray[np.int64], relevant: sparse.csr_matrix) -> RankingMetrics:
    """NDCG@k and recall@k of lists of shape (n_users, k), best first.

    `relevant`: binary user × track matrix, at least one track in each row. As
    in Liang et al. (2018): gain 1 / log2(rank + 1), ranks from 1, against the
    best order; recall is taken of min(k, relevant tracks).
    """
    n, k = lists.shape
    rows = np.repeat(np.arange(n), k)
    hits = np.asarray(relevant[rows, lists.ravel()]).reshape(n, k) > 0
    gains = 1.0 / np.log2(np.arange(2, k + 2))
    best = np.minimum(np.diff(relevant.indptr), k)
    ideal = np.concatenate([[0.0], np.cumsum(gains)])[best]
    return RankingMetrics((hits @ gains) / ideal, hits.sum(axis=1) / best)
