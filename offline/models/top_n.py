"""The best n of each row of scores."""

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from offline.errors import InputError

UNWANTED = -np.inf
"""The score of an item that must not be recommended."""

_NARROW = 16
"""Rows of up to so many times n scores are searched at once. Below 16 the search would not end."""


class TopN(NamedTuple):
    """Lists, best first."""

    ids: NDArray[np.int64]
    """Items, shape (n, length); padded with -1 where fewer are left."""
    scores: NDArray[np.float32]
    """The score of each, by which lists fall; -inf where there is none."""


def leave_out(scores: NDArray[np.float32], histories: sparse.csr_matrix) -> None:
    """Make each row's own items `UNWANTED`, in place: both are user × item."""
    users = np.repeat(np.arange(len(scores)), np.diff(histories.indptr))
    scores[users, histories.indices] = UNWANTED


def top_n(scores: NDArray[np.float32], n: int) -> NDArray[np.int64]:
    """Ids of the n highest scores of each row, best first; ties go to the smaller id.

    `scores`: shape (n_users, n_items). Gives shape (n_users, n), padded with -1 where a row has
    fewer than n scores above -inf. Raises InputError where a score is NaN.
    """
    return best_n(scores, n).ids


def best_n(scores: NDArray[np.float32], n: int) -> TopN:
    """The same, with their scores."""
    ids, best = _with_scores(torch.from_numpy(scores), n)
    return TopN(ids.numpy(), best.numpy())


def top_n_of(scores: Tensor, n: int) -> Tensor:
    """Ids alone, of a tensor, on its device."""
    return _with_scores(scores, n)[0]


def _with_scores(scores: Tensor, n: int) -> tuple[Tensor, Tensor]:
    k = min(n, scores.shape[1])
    best, ids = _best(scores, k)
    if torch.isnan(best[:, :1]).any():  # NaN ranks above all numbers
        raise InputError(
            "the model's scores are NaN: its training diverged; lower its learning rate"
        )
    out = ids.new_full((len(scores), n), -1)
    out[:, :k] = torch.where(best > UNWANTED, ids, -1)
    found = best.new_full((len(scores), n), UNWANTED)
    found[:, :k] = best
    return out, found


def _best(scores: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """The n best of each row by (falling score, rising id), and their ids; NaN is the highest.

    Take the n blocks of neighbouring ids that are best by (falling maximum, rising id). An item
    outside of them is beaten by each of these n maxima, so all n best items are inside. Finding
    the blocks, and the items in them, is the same search in far narrower rows.
    """
    width = scores.shape[1]
    if width <= _NARROW * n:
        return _best_of_narrow(scores, n)
    # 2^x nearest to 2 sqrt(width / n): as few maxima and candidates as can be, where a maximum
    # costs more than a candidate.
    size = 2 ** round(1 + math.log2(width / n) / 2)
    whole = width - width % size
    blocks = scores[:, :whole].reshape(len(scores), whole // size, size)
    chosen = _best(blocks.amax(2), n)[1].sort(dim=1).values
    rows = torch.arange(len(scores), device=scores.device)[:, None]
    values, places = _best(blocks[rows, chosen].flatten(1), n)
    ids = chosen.gather(1, places // size) * size + places % size
    if whole == width:
        return values, ids
    rest = torch.arange(whole, width, device=scores.device).expand(len(scores), -1)
    values, places = _best_of_narrow(torch.cat([values, scores[:, whole:]], dim=1), n)
    return values, torch.cat([ids, rest], dim=1).gather(1, places)


def _best_of_narrow(scores: Tensor, n: int) -> tuple[Tensor, Tensor]:
    # One more than asked for shows where a tie reaches across the end of the list.
    values, ids = torch.topk(scores, min(n + 1, scores.shape[1]), dim=1)
    tied = (values[:, 1:] == values[:, :-1]).any(dim=1).nonzero().squeeze(1)
    values, ids = values[:, :n], ids[:, :n]
    if len(tied):
        whole = scores[tied].sort(dim=1, descending=True, stable=True)
        values[tied], ids[tied] = whole.values[:, :n], whole.indices[:, :n]
    return values, ids
