"""Held-out sessions: how to weigh a model's two scores, and how well it ranks."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from offline.data.plays import SessionPlays
from offline.session_model.model import MAX_PLAYS, SessionDAE

LIKED = 0.8
"""The threshold of interactions that do not say theirs."""
AT = 50
_HALF = 0.5
"""Plays with a larger share heard weigh the scores: there are ten times as many as likes."""
_MOST, _FEWEST = 3_000, 30
_SCALES = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
_SHARES = np.linspace(0.0, 1.0, 11)
_BATCH = 256


class NextLiked(NamedTuple):
    """Means over likes of held-out sessions; of each, the plays before it are known."""

    likes: int
    ndcg: float
    """NDCG@50 with one relevant track: 1 / log2(rank + 1)."""
    recall: float
    """Share of them among the best 50."""


class _Block(NamedTuple):
    rows: NDArray[np.int64]
    places: NDArray[np.int64]
    times: NDArray[np.float32]
    seen: list[NDArray[np.int64]]
    targets: Tensor


def listening_share(model: SessionDAE, plays: SessionPlays, index_of: NDArray[np.int64]) -> float:
    """How much of the scores' weight the listening model should have, 0 to 1.

    Each play of these sessions that was heard for more than half is taken as a draw from a softmax
    of the weighed scores over the known tracks not yet played; the likeliest weights are half of
    the answer, equal weights the other half. What random plays are heard says which score to
    trust, but they hardly ever are of the best tracks, which is what will be offered.
    `index_of` as for `next_liked`.
    """
    targets = _targets(plays, index_of, _HALF)[:_MOST]
    if len(targets) < _FEWEST:
        return 0.5
    likelihood = np.zeros((len(_SCALES), len(_SHARES)))
    for block in _blocks(plays, index_of, targets):
        first, second, _ = model.both(block.rows, block.places, block.times)
        for scores in (first, second):
            _close(scores, block.seen)
        mine = torch.arange(len(block.rows)), block.targets
        for i, scale in enumerate(_SCALES):
            for j, share in enumerate(_SHARES.tolist()):
                scores = scale * ((1 - share) * first + share * second)
                likelihood[i, j] += float(torch.log_softmax(scores, 1)[mine].sum())
    best = float(_SHARES[likelihood.max(0).argmax()])
    return (best + 0.5) / 2


def next_liked(
    model: SessionDAE,
    plays: SessionPlays,
    index_of: NDArray[np.int64],
    threshold: float = LIKED,
) -> NextLiked:
    """Rank each like of these sessions among the known tracks not yet played in its session.

    A play of more than `threshold` is a like.

    `index_of`: of each track among those known, -1 for others, shape (n_tracks,).
    """
    targets = _targets(plays, index_of, threshold)
    ndcg = recall = 0.0
    for block in _blocks(plays, index_of, targets):
        scores = model.scores(block.rows, block.places, block.times)
        _close(scores, block.seen)
        mine = scores[torch.arange(len(scores)), block.targets]
        ranks = (scores > mine[:, None]).sum(1).numpy() + 1
        within = ranks <= AT
        ndcg += float((within / np.log2(ranks + 1)).sum())
        recall += float(within.sum())
    count = max(1, len(targets))
    return NextLiked(len(targets), ndcg / count, recall / count)


def _targets(plays: SessionPlays, index_of: NDArray[np.int64], above: float) -> NDArray[np.int64]:
    chosen = (plays.positions > 0) & (plays.times > above) & (index_of[plays.tracks] >= 0)
    return np.flatnonzero(chosen)


def _blocks(
    plays: SessionPlays, index_of: NDArray[np.int64], targets: NDArray[np.int64]
) -> Iterator[_Block]:
    """The state before each of these plays, some hundreds at a time."""
    first = np.searchsorted(plays.sessions, plays.sessions)
    for start in range(0, len(targets), _BATCH):
        some = targets[start : start + _BATCH]
        past = [_latest(first[at], at) for at in some]
        width = max(map(len, past))
        places, times = np.full((len(some), width), -1), np.zeros((len(some), width), np.float32)
        for i, before in enumerate(past):
            places[i, : len(before)] = index_of[plays.tracks[before]]
            times[i, : len(before)] = plays.times[before]
        # Of all plays before, also those beyond MAX_PLAYS.
        seen = [index_of[plays.tracks[first[at] : at]] for at in some]
        mine = torch.from_numpy(index_of[plays.tracks[some]])
        yield _Block(plays.users[some], places, times, seen, mine)


def _close(scores: Tensor, seen: list[NDArray[np.int64]]) -> None:
    for i, played in enumerate(seen):
        scores[i, torch.from_numpy(played[played >= 0])] = -1e9


def _latest(first: int, at: int) -> NDArray[np.int64]:
    """The plays of a session before one of it: the first, and the latest after it."""
    before = np.arange(first, at)
    return before if len(before) <= MAX_PLAYS else np.append(first, before[-(MAX_PLAYS - 1) :])
