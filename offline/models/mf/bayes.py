"""Bayesian matrix factorisation: the mean over many draws instead of one best answer."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeInt, PositiveInt
from scipy import sparse
from tqdm import tqdm

from offline.data.training_set import TrainingSet
from offline.models.base import Hooks
from offline.models.mf.biases import Biases, with_biases
from offline.models.mf.gibbs import draw_vectors, squared_errors
from offline.models.mf.mean_product import MeanProduct
from offline.models.mf.svd import SVD
from offline.models.ratings import RatingModel
from offline.models.storage import Arrays

_START = 10
"""Epochs of gradient descent before the first draw."""
_PAD = 8
"""Vectors are filled up with zeros to a multiple of this."""


class BayesMF(RatingModel):
    """Bayesian matrix factorisation by Gibbs sampling (Salakhutdinov and Mnih, ICML 2008).

    With biases, and the noise of ratings drawn as well, as Rendle, Zhang and Koren (2019) show it
    to win. A prediction is the mean over draws; its standard error is their spread.
    """

    name = "bayes-mf"

    class Config(RatingModel.Config):
        """Options of bayes-mf."""

        factors: PositiveInt = 31
        """One less than a multiple of 8 wastes nothing."""
        burn_in: NonNegativeInt = 5
        """Draws that are thrown away."""
        draws: PositiveInt = 90
        """Draws whose mean is the model."""
        rank: PositiveInt = 64
        """Factors that the mean of draws is kept as."""
        error_draws: NonNegativeInt = 16
        """Draws that are kept whole, for standard errors; 0: none, and a smaller model."""
        seed: int = Field(default=31337, ge=0, lt=2**32)

    config: Config

    def _learn(
        self, data: TrainingSet, hooks: Hooks
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        o, ratings = self.config, data.ratings
        rng = np.random.default_rng(o.seed)
        chain = _Chain(ratings, o.factors, rng)
        start = SVD(factors=o.factors, epochs=_START, seed=o.seed)
        chain.start_at(*start._learn(data, Hooks()))
        mean = MeanProduct(o.rank)
        biases = [np.zeros(n) for n in ratings.shape]
        kept = set(np.linspace(0, o.draws - 1, min(o.error_draws, o.draws)).astype(int).tolist())
        self._draws: list[tuple[NDArray[np.float32], NDArray[np.float32]]] = []
        noises = []
        for n in tqdm(
            range(-o.burn_in, o.draws), unit=" draws", disable=not hooks.progress, desc=self.name
        ):
            chain.step()
            if n < 0:
                continue
            k = o.factors
            mean.add(chain.users[:, :k], chain.items[:, :k])
            biases[0] += chain.users[:, k]
            biases[1] += chain.items[:, k]
            noises.append(chain.alpha**-0.5)
            if n in kept:
                self._draws.append(
                    (chain.users[:, : k + 1].copy(), chain.items[:, : k + 1].copy())
                )
        left, right = mean.factors()
        found = Biases(chain.mean, *((total / o.draws).astype(np.float32) for total in biases))
        self._sigma = float(np.mean(noises))
        return with_biases(found, left, right)

    def _errors(
        self, users: NDArray[np.int64], items: NDArray[np.int64]
    ) -> NDArray[np.float32] | None:
        if len(self._draws) < 2:
            return None
        total, squares = np.zeros(len(users)), np.zeros(len(users))
        for left, right in self._draws:
            some, other = left[users], right[items]
            value = (some[:, :-1] * other[:, :-1]).sum(axis=1) + some[:, -1] + other[:, -1]
            total += value
            squares += value.astype(np.float64) ** 2
        n = len(self._draws)
        found = np.sqrt(np.maximum(squares - total**2 / n, 0) / (n - 1))
        return found.astype(np.float32)

    def metrics(self) -> dict[str, Any]:
        """The noise of a rating, as the draws have it."""
        return {"noise": self._sigma, "draws": self.config.draws}

    def _learned(self) -> Arrays:
        found = {"sigma": np.array([self._sigma])}
        if self._draws:
            found["draws_users"] = np.stack([users for users, _ in self._draws])
            found["draws_items"] = np.stack([items for _, items in self._draws])
        return found

    def _set_learned(self, state: Arrays, data: TrainingSet) -> None:
        self._sigma = float(state["sigma"][0])
        self._draws = []
        if "draws_users" in state:
            self._draws = list(zip(state["draws_users"], state["draws_items"], strict=True))


class _Side(NamedTuple):
    """Ratings by the rows of one side, less the mean."""

    indptr: NDArray[np.int64]
    others: NDArray[np.int32]
    values: NDArray[np.float32]


class _Chain:
    """The state of the sampler; rows are [factors, bias, 0 ...]."""

    def __init__(self, ratings: sparse.csr_matrix, k: int, rng: np.random.Generator) -> None:
        self.k, self._rng = k, rng
        self.mean = float(ratings.data.mean(dtype=np.float64))
        self.width = -(-(k + 1) // _PAD) * _PAD
        by_item = ratings.tocsc()
        self._sides = [
            _Side(
                each.indptr.astype(np.int64),
                each.indices.astype(np.int32, copy=False),
                each.data - np.float32(self.mean),
            )
            for each in (ratings, by_item)
        ]
        self.users, self.items = (self._start(n) for n in ratings.shape)
        self.alpha = 1 / max(float(np.var(self._sides[0].values)), 1e-6)
        self._errors = np.empty(ratings.shape[0])

    def start_at(self, users: NDArray[np.float32], items: NDArray[np.float32]) -> None:
        """Begin near a good answer: draws that lead there are saved."""
        self.users[:, : self.k], self.items[:, : self.k] = users[:, 2:], items[:, 2:]
        self.users[:, self.k] = users[:, 0] - np.float32(self.mean)
        self.items[:, self.k] = items[:, 1]

    def _start(self, n: int) -> NDArray[np.float32]:
        rows = np.zeros((n, self.width), np.float32)
        rows[:, : self.k] = 0.1 * self._rng.standard_normal((n, self.k), dtype=np.float32)
        return rows

    def step(self) -> None:
        """One draw of everything."""
        self.items = self._draw(self._sides[1], self.items, self.users)
        self.users = self._draw(self._sides[0], self.users, self.items)
        side = self._sides[0]
        fixed, offsets = self._as_regressors(self.items)
        squared_errors(*side, self.users, fixed, offsets, self._errors)
        n = len(side.values)
        # Gamma(1, 1) a priori.
        self.alpha = float(self._rng.gamma(1 + n / 2) / (1 + self._errors.sum() / 2))

    def _as_regressors(
        self, rows: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """A side's vectors with a 1 for the other's bias, and its own biases."""
        fixed = rows.copy()
        fixed[:, self.k] = 1
        return fixed, np.ascontiguousarray(rows[:, self.k])

    def _draw(
        self, side: _Side, rows: NDArray[np.float32], others: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        d = self.k + 1
        centre, precision = normal_wishart(rows[:, :d].astype(np.float64), self._rng)
        prior = np.eye(self.width, dtype=np.float32)
        prior[:d, :d] = precision
        pull = np.zeros(rows.shape, np.float32)
        pull[:, :d] = precision @ centre
        noise = np.zeros(rows.shape, np.float32)
        noise[:, :d] = self._rng.standard_normal((len(rows), d), dtype=np.float32)
        fixed, offsets = self._as_regressors(others)
        out = np.empty_like(rows)
        alpha = np.float32(self.alpha)
        draw_vectors(*side, offsets, fixed, prior, pull, alpha, noise, out)
        return out


def normal_wishart(
    rows: NDArray[np.float64], rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A mean and a precision drawn given rows that are normal with them, shape (n, d).

    Salakhutdinov and Mnih (2008), eq. 14, with mu_0 = 0, beta_0 = 2, nu_0 = d, W_0 = I.
    """
    n, d = rows.shape
    mean = rows.mean(axis=0)
    apart = rows - mean
    inverse = np.eye(d) + apart.T @ apart + 2 * n / (2 + n) * np.outer(mean, mean)
    root = np.linalg.cholesky(np.linalg.inv(inverse))
    # Bartlett: a triangle of normals under roots of chi-squares.
    triangle = np.tril(rng.standard_normal((d, d)), -1)
    triangle[np.diag_indices(d)] = np.sqrt(rng.chisquare(d + n - np.arange(d)))
    factor = root @ triangle
    precision = factor @ factor.T
    noise = np.linalg.solve(factor.T, rng.standard_normal(d)) / np.sqrt(2 + n)
    return n * mean / (2 + n) + noise, precision
