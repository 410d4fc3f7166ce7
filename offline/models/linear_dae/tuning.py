"""Hyper-parameter search for the linear autoencoder, on a validation part of the data."""

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from tqdm import tqdm

from offline.data.splits import Held, held_entries, where
from offline.metrics.ranking import Ranked
from offline.models.linear_dae.closed_form import LinearDAE, Powers, response
from offline.models.linear_dae.recency import by_recency
from offline.models.top_n import leave_out, top_n

K = 20
SHARE = 0.2
"""Of each user's interactions, held out for the choice."""
STRENGTHS = (2.0, 1.0, 0.5, 0.25, 0.12, 0.06, 0.03, 0.015, 0.008, 0.004)
ITEM_POWERS = (0.1, 0.2, 0.3, 0.4)
DAMPINGS = (-0.1, 0.0, 0.1, 0.2, 0.3)
"""How far the popularity of a score stays below the item power."""
SIZE_POWERS = (0.0, 0.5, 1.0)
"""Strength falls with the size of a history to this power: longer histories are shrunk less."""
RECENCIES = (0.0, 0.1, 0.2, 0.3)
"""How fast what is longer ago counts for less. Larger ones do better yet where the last are asked
for, but lose as much where those asked for stand anywhere."""
_CELLS = 2**27
"""Scores that are held at a time, for all strengths together."""
_MOST_USERS = 3000
_FEW = 800
"""Users by whom the item power and the recency are chosen."""

Floats = NDArray[np.float64]


class TunedParameters(NamedTuple):
    """A linear denoising autoencoder, and how well it did where it was chosen."""

    powers: Powers
    strength: float
    """For a history of `size` items."""
    size: float
    size_power: float
    weakest: float
    """No strength below it was tried, so none is used."""
    popularity: float
    recency: float
    """Histories are weighed by `by_recency` with this power; 0 where times are not known."""
    ndcg: float
    """Validation NDCG@20."""

    def strengths(self, sizes: NDArray[np.integer]) -> Floats:
        """The strength for histories of these sizes, one of `STRENGTHS` each."""
        return np.array(STRENGTHS)[_fitting(sizes, self)]


def choose(
    interactions: sparse.csr_matrix,
    rng: np.random.Generator,
    progress: bool = False,
    times: NDArray[np.int64] | None = None,
) -> TunedParameters:
    """The best of all above by validation NDCG@20: item power, then recency, then the others.

    A fifth of each user's interactions is held out and asked for, of so many users as fit into
    memory. With `times`, when each entry happened, shape (nnz,), the last are held out: what comes
    next is harder to find than what was in between, and wants a stronger model. Without them
    there is no recency. Data too small to hold anything out gets the middle of all.
    """
    out = held_entries(interactions, SHARE, rng, times)
    held = Held(where(interactions, ~out), where(interactions, out))
    seen_times = None if times is None else _as_entries(held.seen, times[~out])
    able = np.flatnonzero(np.diff(held.held_out.indptr))
    if not len(able):
        return TunedParameters(Powers(), 0.25, 1.0, 0.0, 0.25, Powers().item, 0.0, 0.0)
    users = rng.permutation(able)[:_MOST_USERS]
    few = users[:_FEW]
    recencies = () if seen_times is None else RECENCIES[1:]
    steps = len(ITEM_POWERS) + len(recencies) + -(-len(users) // _FEW) - 1
    with tqdm(total=steps, desc="dae: choosing", disable=None if progress else True) as bar:

        def measured(
            model: LinearDAE, recency: float, users: NDArray[np.int64]
        ) -> tuple[Floats, LinearDAE, float]:
            shown = held.seen[users]
            if recency and seen_times is not None:
                shown = by_recency(shown, seen_times[users].data, recency)
            found = _measure(model, shown, held.held_out[users])
            bar.update()
            return found, model, recency

        tried = [measured(LinearDAE(held.seen, Powers(item=x)), 0.0, few) for x in ITEM_POWERS]
        best = max(tried, key=_quality)
        tried = [best, *(measured(best[1], x, few) for x in recencies)]
        ndcg, model, recency = max(tried, key=_quality)
        others = [users[at : at + _FEW] for at in range(_FEW, len(users), _FEW)]
        all_ndcg = _joined([ndcg, *(measured(model, recency, some)[0] for some in others)])
    tuned = _best(all_ndcg, np.diff(held.seen.indptr)[users], model.powers)
    return tuned._replace(recency=recency)


def _as_entries(matrix: sparse.csr_matrix, values: NDArray[np.int64]) -> sparse.csr_matrix:
    """Other values in the places of a matrix's entries."""
    return sparse.csr_matrix((values, matrix.indices, matrix.indptr), shape=matrix.shape)


def _quality(measured: tuple[Floats, LinearDAE, float]) -> float:
    return float(measured[0].mean(axis=2).max())


def _measure(model: LinearDAE, histories: sparse.csr_matrix, wanted: sparse.csr_matrix) -> Floats:
    """NDCG@20 by strength, damping and user, for as many users at a time as `_CELLS` allows."""
    size = max(1, _CELLS // (len(STRENGTHS) * histories.shape[1]))
    return _joined(
        [
            _measure_block(model, histories[at : at + size], wanted[at : at + size])
            for at in range(0, histories.shape[0], size)
        ]
    )


def _measure_block(
    model: LinearDAE, histories: sparse.csr_matrix, wanted: sparse.csr_matrix
) -> Floats:
    """The same; strengths stop where three in a row do worse than the best."""
    out: list[Floats] = []
    means: list[float] = []
    for ndcg in _by_strength(model, histories, wanted):
        out.append(ndcg)
        means.append(float(ndcg.mean(axis=1).max()))
        if len(means) - 1 - int(np.argmax(means)) >= 3:
            break
    return np.stack(out)


def _by_strength(
    model: LinearDAE, histories: sparse.csr_matrix, wanted: sparse.csr_matrix
) -> Iterator[Floats]:
    """NDCG@20 by damping and user for each strength, from the strongest on."""
    terms = model.terms(histories)
    pending = [response(strength) for strength in STRENGTHS]
    sums = [np.zeros((histories.shape[1], histories.shape[0]), dtype=np.float32) for _ in pending]
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


def _joined(parts: list[Floats]) -> Floats:
    """Of all their users; strengths that a part did not try count as the last one that it did."""
    most = max(map(len, parts))
    filled = [np.pad(x, ((0, most - len(x)), (0, 0), (0, 0)), mode="edge") for x in parts]
    return np.concatenate(filled, axis=2)


def _best(ndcg: Floats, sizes: NDArray[np.integer], powers: Powers) -> TunedParameters:
    """`ndcg`: by strength, damping and user; `sizes`: of the users' histories."""
    middle = float(np.exp(np.log(sizes).mean()))
    everyone = np.arange(len(sizes))
    tried = STRENGTHS[: len(ndcg)]
    found = []
    for strength, power in product(tried, SIZE_POWERS):
        plain = TunedParameters(powers, strength, middle, power, tried[-1], powers.item, 0.0, 0.0)
        means = ndcg[_fitting(sizes, plain), :, everyone].mean(axis=0)
        for less, mean in zip(DAMPINGS, means.tolist(), strict=True):
            found.append(plain._replace(popularity=powers.item - less, ndcg=mean))
    return max(found, key=lambda tuned: tuned.ndcg)


def _fitting(sizes: NDArray[np.integer], tuned: TunedParameters) -> NDArray[np.int64]:
    """Places in `STRENGTHS` that are nearest to the choice's for histories of these sizes."""
    wanted = tuned.strength * (np.maximum(sizes, 1) / tuned.size) ** -tuned.size_power
    wanted = np.maximum(wanted, tuned.weakest)
    distance = np.abs(np.log(wanted)[:, None] - np.log(STRENGTHS))
    places: NDArray[np.int64] = np.argmin(distance, axis=1)
    return places


def _ndcg(
    scores: NDArray[np.float32], histories: sparse.csr_matrix, wanted: sparse.csr_matrix
) -> Floats:
    scores = np.ascontiguousarray(scores)
    leave_out(scores, histories)
    return Ranked(top_n(scores, K), wanted).ndcg(K)
