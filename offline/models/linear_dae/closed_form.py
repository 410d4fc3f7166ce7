"""A linear denoising autoencoder, in closed form over the full noise distribution."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray
from scipy import sparse

from offline.models.linear_dae.sparse_product import multiply

Floats = NDArray[np.float32]
TOLERANCE = 1e-3
"""Largest error of the polynomial that approximates the inverse, relative to its maximum."""


class Powers(NamedTuple):
    """How degrees, the numbers of a user's items and of an item's users, enter the model."""

    user: float = 0.25
    """A user of n items counts n ** (-2 * user) in the loss: heavy users do not rule it."""
    item: float = 0.4
    """Noise on an item of n users is weighed by n ** (2 * item); 0.5 is dropout's own weight."""


class LinearDAE:
    """The weights that a linear autoencoder with dropout on its input learns, in closed form.

    Steck, "Autoencoders that don't overfit towards the identity" (NeurIPS 2020): averaged over
    all noise, the squared loss of a denoising linear autoencoder is least for

        B = (G + L)^-1 G,    G = X' W X,  L = strength * largest eigenvalue * D

    where X is the binary user × item matrix, W weighs users and the diagonal D weighs items by
    their degree (see `Powers`). B has a row and a column for each item, so it is never made: its
    product with histories is a polynomial in G, of sparse products alone (Chebyshev's, on the
    interval of the eigenvalues; see Shuman et al., "Chebyshev polynomial approximation for
    distributed signal processing", 2011). That needs no training, and memory for a block of
    histories.
    """

    def __init__(self, interactions: sparse.csr_matrix, powers: Powers) -> None:
        """`interactions`: binary, as `binary_csr` gives it."""
        self.powers = powers
        users = np.maximum(np.diff(interactions.indptr), 1).astype(np.float32)
        items = np.bincount(interactions.indices, minlength=interactions.shape[1])
        self.degrees = np.maximum(items, 1).astype(np.float32)
        self._damped = self.degrees ** np.float32(-powers.item)
        weights = np.repeat(users ** np.float32(-powers.user), np.diff(interactions.indptr))
        scaled = interactions.copy()
        scaled.data = weights * self._damped[interactions.indices]
        scaled.data /= np.float32(_largest_singular_value(scaled))
        self._matrix, self._transposed = scaled, scaled.T.tocsr()

    def scores(
        self, histories: sparse.csr_matrix, strengths: NDArray[np.float64], popularity: float
    ) -> Floats:
        """Scores of all items, shape (n, n_items); `strengths`: one for each history, (n,).

        `popularity`: the power of an item's degree that its score is multiplied by. The `item`
        power of the model gives B itself, less of it favours rare items.
        """
        different, which = np.unique(strengths, return_inverse=True)
        responses = [response(strength) for strength in different]
        # Weak ones have the longest polynomials: the others end in zeros.
        coefficients = np.zeros((max(map(len, responses)), len(different)), dtype=np.float32)
        for column, found in enumerate(responses):
            coefficients[: len(found), column] = found
        total = np.zeros((histories.shape[1], histories.shape[0]), dtype=np.float32)
        for row, term in zip(coefficients, self.terms(histories), strict=False):
            total += row[which] * term
        return np.ascontiguousarray((total * self.popular(popularity)[:, None]).T)

    def popular(self, power: float) -> Floats:
        """Each item's degree to a power."""
        factors: Floats = self.degrees ** np.float32(power)
        return factors

    def terms(self, histories: sparse.csr_matrix) -> Iterator[Floats]:
        """Chebyshev's polynomials of 2G - 1 times the histories, item × history, without end.

        Each is overwritten after the next one was asked for.
        """
        start = histories.multiply(self._damped).T.tocsr()
        now = np.ascontiguousarray(start.toarray(), dtype=np.float32)
        users = np.empty((self._matrix.shape[0], now.shape[1]), dtype=np.float32)
        before, product = np.empty_like(now), np.empty_like(now)
        yield now
        first = True
        while True:
            multiply(self._transposed, multiply(self._matrix, now, users), product)
            product *= 2
            product -= now
            if first:
                before, now, product, first = now, product, before, False
            else:
                # T(k + 1) = 2 x T(k) - T(k - 1), where the product so far is x T(k).
                product *= 2
                product -= before
                before, now, product = now, product, before
            yield now


def response(strength: float) -> NDArray[np.float64]:
    """Chebyshev coefficients of g / (g + strength) over g in [0, 1], to within `TOLERANCE`."""
    root = np.sqrt((1 + strength) / strength)
    rate = (root - 1) / (root + 1)  # each further term is smaller by this factor
    count = 2 + int(np.ceil(np.log(TOLERANCE / 2) / np.log(rate)))
    places = chebyshev.chebpts1(count)
    values = (places + 1) / (places + 1 + 2 * strength)
    terms = chebyshev.chebvander(places, count - 1)
    coefficients: NDArray[np.float64] = terms.T @ values * (2 / count)
    coefficients[0] /= 2
    return coefficients


def _largest_singular_value(matrix: sparse.csr_matrix) -> float:
    """By power iteration, from below; 2 % are added, since the interval must hold all."""
    vector = np.ones(matrix.shape[1], dtype=np.float32)
    length = 0.0
    for _ in range(30):
        vector = matrix.T @ (matrix @ vector)
        length = float(np.linalg.norm(vector))
        vector /= length
    return float(1.01 * length**0.5)
