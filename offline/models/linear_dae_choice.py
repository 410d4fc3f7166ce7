"""Which linear denoising autoencoder fits the data: chosen on a validation part of it."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from tqdm import tqdm

from offline.hold_out import hold_out
from offline.metrics import Ranked
from offline.models.linear_dae import LinearDAE, Powers, response
from offline.models.top_n import UNWANTED, top_n

K = 20
SHARE = 0.1
"""Of each user's interactions, held out for the choice."""
STRENGTHS = (1.0, 0.5, 0.25, 0.12, 0.06, 0.03, 0.015, 0.008, 0.004)
ITEM_POWERS = (0.2, 0.3, 0.4)
DAMPINGS = (0.0, 0.1, 0.2, 0.3)
"""How far the popularity of a score stays below the item power."""
_CELLS = 2**25
_MOST_USERS = 2000


class Choice(NamedTuple):
    """A linear denoising autoencoder, and how well it did where it was chosen."""

    powers: Powers
    strength: float
    popularity: float
    ndcg: float
    """Validation NDCG@20."""


def choose(
    interactions: sparse.csr_matrix, rng: np.random.Generator, progress: bool = False
) -> Choice:
    """The best of `ITEM_POWERS` × `STRENGTHS` × `DAMPINGS` by validation NDCG@20.

    A tenth of each user's interactions is held out and asked for, of so many users as fit into
    memory. Strengths are tried from the strongest on, as they need fewer products, until two in
    a row do worse than the best. Data too small to hold anything out gets the middle of all.
    """
    held = hold_out(interactions, SHARE, rng)
    able = np.flatnonzero(np.diff(held.held_out.indptr))
    if not len(able):
        return Choice(Powers(), 0.25, Powers().item - 0.1, 0.0)
    most = min(_MOST_USERS, max(256, _CELLS // interactions.shape[1]))
    users = np.sort(rng.permutation(able)[:most])
    powers = tqdm(ITEM_POWERS, desc="dae: choosing", disable=None if progress else True)
    return max(
        (_best_strength(held.seen, held.held_out[users], users, power) for power in powers),
        key=lambda choice: choice.ndcg,
    )


def _best_strength(
    seen: sparse.csr_matrix, wanted: sparse.csr_matrix, users: NDArray[np.int64], item: float
) -> Choice:
    powers = Powers(item=item)
    model = LinearDAE(seen, powers)
    histories = seen[users]
    terms = model.terms(histories)
    pending = [(strength, response(strength)) for strength in STRENGTHS]
    sums = [np.zeros((seen.shape[1], len(users)), dtype=np.float32) for _ in pending]
    found: list[Choice] = []
    done = 0
    for place, (strength, coefficients) in enumerate(pending):
        # Every later strength needs these terms too.
        for degree in range(done, len(coefficients)):
            term = next(terms)
            for total, (_, later) in zip(sums[place:], pending[place:], strict=True):
                total += np.float32(later[degree]) * term
        done = len(coefficients)
        found.append(
            max(
                (
                    Choice(powers, strength, item - damping, ndcg)
                    for damping in DAMPINGS
                    for ndcg in [
                        _ndcg(sums[place].T * model.popular(item - damping), histories, wanted)
                    ]
                ),
                key=lambda choice: choice.ndcg,
            )
        )
        best = max(range(len(found)), key=lambda at: found[at].ndcg)
        if place - best >= 2:
            break
    return found[best]


def _ndcg(
    scores: NDArray[np.float32], histories: sparse.csr_matrix, wanted: sparse.csr_matrix
) -> float:
    scores = np.ascontiguousarray(scores)
    scores[np.repeat(np.arange(len(scores)), np.diff(histories.indptr)), histories.indices] = (
        UNWANTED
    )
    return float(Ranked(top_n(scores, K), wanted).ndcg(K).mean())
