"""From plays to a session-aware model."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from offline.data.plays import SessionPlays
from offline.data.session_stats import SessionStats
from offline.data.training_set import TrainingSet
from offline.models.dae.network import DAE
from offline.options import SessionOptions
from offline.session_model.listening_model import fit_listening, logit_bounds
from offline.session_model.model import SessionDAE
from offline.session_model.taste_table import TasteTable
from offline.session_model.validation import LIKED, NextLiked, listening_share, next_liked
from offline.tastes import UserTastes, directions

_LENGTH = 1.5
"""Of known tracks where the listening model begins. 1 and 2.5 give sessions 2 and 5 % shorter."""
_LEAST_DISCOUNT = 0.01
"""Shares are divided by the discount, which is 0 where listeners always skip repeated artists."""
_SPREAD = 0.05
"""Standard deviation of the numbers of other tracks there."""


class FittedSessionModel(NamedTuple):
    """A model, and how well it ranks the next like in sessions that it was not trained on."""

    model: SessionDAE
    held_out: NextLiked


def fit_session_model(
    dae: DAE,
    training_set: TrainingSet,
    interactions: Path,
    artists: NDArray[np.int64],
    options: SessionOptions,
    on_epoch: Callable[[int, float], object] = lambda number, loss: None,
) -> FittedSessionModel:
    """Train on the plays that `collect` wrote in `interactions`, on top of a trained `dae`.

    `artists`: each track's, shape (n_tracks,). Raises InputError where there are no plays.
    """
    plays = SessionPlays.read(interactions, training_set.users, artists)
    stats = SessionStats.read(interactions, training_set.users, artists)
    discount = max(_LEAST_DISCOUNT, stats.artist_discount)
    table = TasteTable.build(
        UserTastes(
            dae.tracks.cpu().numpy(),
            dae.last.weight.detach().cpu().numpy(),
            training_set.histories,
            stats,
        ),
        len(training_set.users),
    )
    rng = np.random.Generator(np.random.PCG64DXSM(np.random.SeedSequence((options.seed, 0))))
    held_out = (rng.random(plays.n_sessions) < options.held_out_sessions)[plays.sessions]

    index_of = dae.index_of
    mine = plays.where((plays.positions > 0) & ~held_out)
    tastes = table.of(mine.users, index_of[mine.starts])
    mine, tastes = mine.where(tastes >= 0), tastes[tastes >= 0]
    listening = fit_listening(
        mine.users,
        tastes,
        mine.tracks,
        logit_bounds(mine.times, np.power(discount, mine.prior_artist_plays, dtype=np.float64)),
        len(training_set.users),
        _first(dae, table, options.dimensions, rng),
        options,
        on_epoch,
    )
    threshold = LIKED if training_set.threshold is None else training_set.threshold
    model = SessionDAE(dae, table, listening, discount, options)
    unseen = plays.where(held_out)
    if options.listening_share is None:
        model.listening_share = listening_share(model, unseen, index_of)
    return FittedSessionModel(model, next_liked(model, unseen, index_of, threshold))


def _first(
    dae: DAE, table: TasteTable, dimensions: int, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Tracks as the decoder sees them, in its main directions; tastes as means of theirs."""
    rows = directions(dae.last.weight.detach().cpu().numpy())
    u, s, _ = np.linalg.svd(rows, full_matrices=False)
    mine = directions((u * s)[:, :dimensions]) * np.float32(_LENGTH)
    tracks = rng.normal(0.0, _SPREAD, (dae.n_tracks, dimensions)).astype(np.float32)
    known = dae.tracks.cpu().numpy()
    tracks[known, : mine.shape[1]] = mine
    tastes = np.zeros((len(table), dimensions))
    np.add.at(tastes, table.owners, tracks[known[table.members]])
    tastes /= np.maximum(np.diff(table.bounds), 1)[:, None]
    return tastes.astype(np.float32), tracks
