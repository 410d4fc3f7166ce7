"""Which linear denoising autoencoder fits the data: chosen on a validation part of it."""

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from tqdm import tqdm

from offline.hold_out import Held, hold_out
from offline.metrics import Ranked
from offline.models.binary import binary_csr
from offline.models.linear_dae import LinearDAE, Powers, response
from offline.models.top_n import UNWANTED, top_n

K = 20
SHARE = 0.2
"""Of each user's interactions, held out for the choice."""
STRENGTHS = (2.0, 1.0, 0.5, 0.25, 0.12, 0.06, 0.03, 0.015, 0.008, 0.004)
ITEM_POWERS = (0.1, 0.2, 0.3, 0.4)
DAMPINGS = (-0.1, 0.0, 0.1, 0.2, 0.3)
"""How far the popularity of a score stays below the item power."""
SIZE_POWERS = (0.0, 0.5, 1.0)
"""Strength falls with the size of a history to this power: who is known better is shrunk less."""
_CELLS = 2**27
_MOST_USERS = 3000
_FEW = 800
"""Users by whom the item power is chosen."""

Floats = NDArray[np.float64]


class Choice(NamedTuple):
    """A linear denoising autoencoder, and how well it did where it was chosen."""

    powers: Powers
    strength: float
    """For a history of `size` items."""
    size: float
    size_power: float
    popularity: float
    ndcg: float
    """Validation NDCG@20."""

    def strengths(self, sizes: NDArray[np.integer]) -> Floats:
        """The strength for histories of these sizes, one of `STRENGTHS` each."""
        fitting = self.strength * (np.maximum(sizes, 1) / self.size) ** -self.size_power
        return np.array(STRENGTHS)[_nearest(fitting)]


def choose(
    interactions: sparse.csr_matrix, rng: np.random.Generator, progress: bool = False
) -> Choice:
    """The best of all above by validation NDCG@20: first the item power, then the others.

    A fifth of each user's interactions is held out and asked for, of so many users as fit into
    memory. Where ids are not sorted within rows, their order is taken for that of time, and the
    last are held out: what comes next is harder to find than what was in between, and wants a
    stronger model. Data too small to hold anything out gets the middle of all.
    """
    parts = hold_out(interactions, SHARE, rng, last=not interactions.has_sorted_indices)
    held = Held(*map(binary_csr, parts))
    able = np.flatnonzero(np.diff(held.held_out.indptr))
    if not len(able):
        return Choice(Powers(), 0.25, 1.0, 0.0, Powers().item, 0.0)
    users = rng.permutation(able)[:_MOST_USERS]
    steps = len(ITEM_POWERS) + -(-len(users) // _FEW)
    with tqdm(total=steps, desc="dae: choosing", disable=None if progress else True) as bar:
        found = []
        for power in ITEM_POWERS:
            powers = Powers(item=power)
            few = _measure(LinearDAE(held.seen, powers), held, users[:_FEW])
            found.append((float(few.mean(axis=2).max()), powers))
            bar.update()
        powers = max(found, key=lambda one: one[0])[1]
        model = LinearDAE(held.seen, powers)
        measured = []
        for at in range(0, len(users), _FEW):
            measured.append(_measure(model, held, users[at : at + _FEW]))
            bar.update()
    strengths = max(part.shape[0] for part in measured)
    ndcg = np.concatenate([_filled_up(part, strengths) for part in measured], axis=2)
    return _best(ndcg, np.diff(held.seen.indptr)[users], powers)


def _measure(model: LinearDAE, held: Held, users: NDArray[np.int64]) -> Floats:
    """NDCG@20 by strength, damping and user; strengths stop where two in a row do worse."""
    size = max(1, _CELLS // (len(STRENGTHS) * held.seen.shape[1]))
    blocks = [users[at : at + size] for at in range(0, len(users), size)]
    runs = [_by_strength(model, held, block) for block in blocks]
    out: list[Floats] = []
    for of_blocks in zip(*runs, strict=True):
        out.append(np.concatenate(of_blocks, axis=1))
        means = [ndcg.mean(axis=1).max() for ndcg in out]
        if len(out) - 1 - int(np.argmax(means)) >= 3:
            break
    return np.stack(out)


def _by_strength(model: LinearDAE, held: Held, users: NDArray[np.int64]) -> Iterator[Floats]:
    """NDCG@20 by damping and user for each strength, from the strongest on."""
    histories, wanted = held.seen[users], held.held_out[users]
    terms = model.terms(histories)
    pending = [response(strength) for strength in STRENGTHS]
    sums = [np.zeros((histories.shape[1], len(users)), dtype=np.float32) for _ in pending]
    done = 0
    for place, coefficients in enumerate(pending):
        # Every later strength needs these terms too.
        for degree in range(done, len(coefficients)):
            term = next(terms)
            for total, later in zip(sums[place:], pending[place:], strict=True):
                total += np.float32(later[degree]) * term
        done = len(coefficients)
        yield np.stack(
            [
                _ndcg(sums[place].T * model.popular(model.powers.item - less), histories, wanted)
                for less in DAMPINGS
            ]
        )


def _filled_up(ndcg: Floats, strengths: int) -> Floats:
    """Strengths that were not tried count as the last one that was."""
    return np.pad(ndcg, ((0, strengths - len(ndcg)), (0, 0), (0, 0)), mode="edge")


def _best(ndcg: Floats, sizes: NDArray[np.integer], powers: Powers) -> Choice:
    """`ndcg`: by strength, damping and user; `sizes`: of the users' histories."""
    middle = float(np.exp(np.log(sizes).mean()))
    everyone = np.arange(len(sizes))
    found = []
    for strength, power in product(STRENGTHS[: len(ndcg)], SIZE_POWERS):
        fitting = _nearest(strength * (sizes / middle) ** -power).clip(max=len(ndcg) - 1)
        for less, mean in zip(DAMPINGS, ndcg[fitting, :, everyone].mean(axis=0), strict=True):
            popularity = powers.item - less
            found.append(Choice(powers, strength, middle, power, popularity, float(mean)))
    return max(found, key=lambda choice: choice.ndcg)


def _nearest(strengths: Floats) -> NDArray[np.int64]:
    """Places in `STRENGTHS`."""
    distance = np.abs(np.log(strengths)[:, None] - np.log(STRENGTHS))
    places: NDArray[np.int64] = np.argmin(distance, axis=1)
    return places


def _ndcg(
    scores: NDArray[np.float32], histories: sparse.csr_matrix, wanted: sparse.csr_matrix
) -> Floats:
    scores = np.ascontiguousarray(scores)
    scores[np.repeat(np.arange(len(scores)), np.diff(histories.indptr)), histories.indices] = (
        UNWANTED
    )
    return Ranked(top_n(scores, K), wanted).ndcg(K)
