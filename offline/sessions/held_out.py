"""How well a model of sessions ranks what was liked next, in sessions that it never saw."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from offline.sessions.model import HEARD, SessionDAE
from offline.sessions.plays import Plays

LIKED = 0.8
"""A track of which more was heard is liked, as in the interactions."""
AT = 50
_BATCH = 256


class NextLiked(NamedTuple):
    """Means over likes of held-out sessions; of each, the plays before it are known."""

    likes: int
    ndcg: float
    """NDCG@50 with the one track as what is relevant: 1 / log2(rank + 1)."""
    recall: float
    """Share of them among the best 50."""


def next_liked(model: SessionDAE, plays: Plays, place: NDArray[np.int64]) -> NextLiked:
    """Rank each like of these sessions among the known tracks not yet played in its session.

    `place`: of each track among those known, -1 for others, shape (n_tracks,).
    """
    targets = np.flatnonzero(
        (plays.positions > 0) & (plays.times > LIKED) & (place[plays.tracks] >= 0)
    )
    first = np.searchsorted(plays.sessions, plays.sessions)
    ndcg = recall = 0.0
    for start in range(0, len(targets), _BATCH):
        some = targets[start : start + _BATCH]
        past = [_latest(first[at], at) for at in some]
        width = max(map(len, past))
        places, times = np.full((len(some), width), -1), np.zeros((len(some), width), np.float32)
        for i, before in enumerate(past):
            places[i, : len(before)] = place[plays.tracks[before]]
            times[i, : len(before)] = plays.times[before]
        scores = model.scores(plays.users[some], places, times)
        for i, before in enumerate(past):
            seen = place[plays.tracks[before]]
            scores[i, torch.from_numpy(seen[seen >= 0])] = -torch.inf
        mine = scores[torch.arange(len(some)), torch.from_numpy(place[plays.tracks[some]])]
        ranks = (scores > mine[:, None]).sum(1).numpy() + 1
        within = ranks <= AT
        ndcg += float((within / np.log2(ranks + 1)).sum())
        recall += float(within.sum())
    count = max(1, len(targets))
    return NextLiked(len(targets), ndcg / count, recall / count)


def _latest(first: int, at: int) -> NDArray[np.int64]:
    """The plays of a session before one of it: the first, and the latest after it."""
    before = np.arange(first, at)
    return before if len(before) <= HEARD else np.append(first, before[-(HEARD - 1) :])
