"""A linear autoencoder with a closed form."""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import sparse
from tqdm import tqdm

from offline.data.training_set import TrainingSet
from offline.errors import InputError
from offline.memory import available_memory
from offline.models.base import Hooks, Recommender
from offline.models.storage import Arrays


class EASE(Recommender):
    """EASE^R of Steck, "Embarrassingly shallow autoencoders for sparse data" (WWW 2019).

    With P = (X'X + l2 I)^-1, the item weights are B = I - P / diag(P), whose diagonal is 0, and
    the scores of a history r are r B. One float32 matrix of items × items is all the memory it
    takes: 6.7 GB for 41,000 items. Time grows with the cube of the number of items.
    """

    name = "ease"

    class Config(Recommender.Config):
        """Options of EASE."""

        l2: float = Field(default=80.0, gt=0)
        """Strength of the regularisation; larger for data with more users an item."""

    config: Config

    def _fit(self, data: TrainingSet, hooks: Hooks) -> None:
        n, l2 = data.histories.n_tracks, self.config.l2
        _check_memory(n)
        gram = _gram(data.matrix, hooks.progress)
        gram[np.diag_indices(n)] += np.float32(l2)
        try:
            _invert(gram, hooks.progress)
        except np.linalg.LinAlgError:
            raise InputError(f"l2 is {l2}: too small for this data in float32, raise it") from None
        self._inverse = gram
        self._diagonal = np.diagonal(gram).copy()

    def _scores(
        self, histories: sparse.csr_matrix, users: NDArray[np.int64] | None
    ) -> NDArray[np.float32]:
        scores: NDArray[np.float32] = histories @ self._inverse
        scores /= -self._diagonal
        sizes = np.diff(histories.indptr)
        scores[np.repeat(np.arange(len(sizes)), sizes), histories.indices] += 1
        return scores

    def _state(self) -> Arrays:
        return {"inverse": self._inverse}

    def _set_state(self, state: Arrays, data: TrainingSet) -> None:
        self._inverse = state["inverse"]
        self._diagonal = np.diagonal(self._inverse).copy()


def _gram(interactions: sparse.csr_matrix, progress: bool) -> NDArray[np.float32]:
    """How many users each two items share."""
    n = interactions.shape[1]
    gram = np.empty((n, n), dtype=np.float32)
    transposed = interactions.T.tocsr()
    step = max(1, 2**22 // n)
    with tqdm(total=n, unit=" items", desc="ease", disable=None if progress else True) as bar:
        for at in range(0, n, step):
            part = (transposed[at : at + step] @ interactions).toarray()
            gram[at : at + step] = part
            bar.update(len(part))
    return gram


def _check_memory(n_items: int) -> None:
    # The matrix itself, and the blocks of products and of scores beside it.
    needed, there = 4 * n_items**2 + 2**29, available_memory()
    if needed > there:
        raise InputError(
            f"ease needs {needed / 1e9:.1f} GB of memory for {n_items:,} items, and "
            f"{there / 1e9:.1f} GB are available: leave out rare items, or choose another model"
        )


def _invert(matrix: NDArray[np.float32], progress: bool, step: int = 512) -> None:
    """The inverse of a positive definite matrix, in place: the sweep operator, by blocks.

    Goodnight, "A tutorial on the SWEEP operator" (The American Statistician, 1979). Works in the
    lower triangle. Raises LinAlgError for a matrix that is not positive definite. LAPACK's own
    works in place too, but SciPy's counts in 32 bits and crashes from about 40,000 rows on.
    """
    n = len(matrix)
    with tqdm(
        total=n, unit=" items", desc="ease, inverting", disable=None if progress else True
    ) as bar:
        for at in range(0, n, step):
            end = min(at + step, n)
            half = np.linalg.inv(np.linalg.cholesky(matrix[at:end, at:end]))
            pivot = half.T @ half
            columns = np.concatenate([matrix[at:end, :at].T, matrix[at:, at:end]])
            columns[at:end] = np.tril(columns[at:end]) + np.tril(columns[at:end], -1).T
            scaled = columns @ pivot
            for some in range(0, n, step):
                rest = min(some + step, n)
                matrix[some:rest, :rest] -= columns[some:rest] @ scaled[:rest].T
            matrix[at:end, :at] = scaled[:at].T
            matrix[end:, at:end] = scaled[end:]
            matrix[at:end, at:end] = -pivot
            bar.update(end - at)
    np.negative(matrix, out=matrix)
    _mirror(matrix, step)


def _mirror(matrix: NDArray[np.float32], step: int) -> None:
    """Copy the lower triangle over the upper one, block by block, in place."""
    for at in range(0, len(matrix), step):
        end = at + step
        corner = np.tril(matrix[at:end, at:end])
        matrix[at:end, at:end] = corner + np.tril(corner, -1).T
        matrix[at:end, end:] = matrix[end:, at:end].T
