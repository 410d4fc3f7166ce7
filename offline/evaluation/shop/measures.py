"""The measures of lists of one length each, with intervals over visitors."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from offline.metrics.beyond_accuracy import coverage, novelty
from offline.metrics.ranking import Ranked

LENGTHS = (5, 10, 20)
"""Of the lists that are measured."""
DRAWS = 1000
"""Of the bootstrap."""
_CELLS = 2**22


class Estimate(NamedTuple):
    """A mean, and its 95 % interval by the bootstrap over visitors."""

    mean: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Row:
    """One model on some of the targets."""

    model: str
    segment: str
    """Which targets, and of whom."""
    cases: int
    """Lists that were measured."""
    targets: int
    """What they were to find."""
    values: dict[str, Estimate]
    """By name, such as `recall@20`."""
    overall: dict[str, float]
    """`coverage@k`: unique items recommended / items of the catalogue."""


class Catalogue(NamedTuple):
    """What lists are compared with."""

    popularity: NDArray[np.int64]
    """Visitors of each item in training, shape (n_items,)."""
    visitors: int
    """In training."""

    @property
    def size(self) -> int:
        """Items that somebody came to in training: those that can be recommended."""
        return int(np.count_nonzero(self.popularity))


def measured(
    model: str,
    segment: str,
    lists: NDArray[np.int64],
    relevant: sparse.csr_matrix,
    catalogue: Catalogue,
    seed: int,
    units: NDArray[np.int64] | None = None,
) -> Row | None:
    """Every measure at `LENGTHS`; None where no list has something to find.

    `lists`: shape (n, 20), padded with -1; those of rows of `relevant` without an entry are left
    out. `units`: whom each list is of, where several are of one; else each is of its own.
    """
    asked = np.flatnonzero(np.diff(relevant.indptr))
    if not len(asked):
        return None
    relevant, lists = relevant[asked], lists[asked]
    owners = np.arange(len(asked)) if units is None else units[asked]
    ranked, values = Ranked(lists, relevant), {}
    for k in LENGTHS:
        values[f"recall@{k}"] = ranked.recall(k)
        values[f"precision@{k}"] = ranked.precision(k)
        values[f"ndcg@{k}"] = ranked.ndcg(k)
        values[f"mrr@{k}"] = ranked.reciprocal_rank(k)
        values[f"novelty@{k}"] = novelty(lists[:, :k], catalogue.popularity, catalogue.visitors)
    overall = {f"coverage@{k}": coverage(lists[:, :k], catalogue.size) for k in LENGTHS}
    estimates = bootstrapped(np.stack(list(values.values()), axis=1), owners, seed)
    named = dict(zip(values, estimates, strict=True))
    return Row(model, segment, len(asked), relevant.nnz, named, overall)


def bootstrapped(
    values: NDArray[np.float64], owners: NDArray[np.int64], seed: int
) -> list[Estimate]:
    """The mean of each column, its interval by drawing owners with all of their rows.

    Percentiles 2.5 and 97.5 of `DRAWS` means (B. Efron, R. Tibshirani, "An Introduction to the
    Bootstrap", 1993). NaN is no value, of lists that are empty. One owner has no spread: NaN.
    """
    there = ~np.isnan(values)
    _, rows = np.unique(owners, return_inverse=True)
    n = int(rows.max()) + 1
    above, below = (
        np.stack([np.bincount(rows, column, minlength=n) for column in part.T], axis=1)
        for part in (np.where(there, values, 0.0), there.astype(np.float64))
    )
    rng = np.random.default_rng(seed)
    drawn = []
    for at in range(0, DRAWS, step := max(1, _CELLS // n)):
        times = rng.poisson(1.0, (min(step, DRAWS - at), n)).astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            drawn.append((times @ above) / (times @ below))
    means = np.concatenate(drawn)
    found = []
    for column in range(values.shape[1]):
        whole = below[:, column].sum()
        mean = above[:, column].sum() / whole if whole else np.nan
        some = means[:, column][np.isfinite(means[:, column])]
        ends = np.percentile(some, [2.5, 97.5]) if n > 1 and len(some) else (np.nan, np.nan)
        found.append(Estimate(float(mean), float(ends[0]), float(ends[1])))
    return found
