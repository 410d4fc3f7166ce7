"""A training set's events as models of sessions count them; the weights of a history."""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt
from scipy import sparse

from offline.data.events import Events
from offline.data.training_set import TrainingSet
from offline.models.base import Recommender
from offline.models.linear_dae.recency import by_recency
from offline.models.sessions.pairs import Trail
from offline.options import Options

MINUTE_MS, DAY_MS = 60_000, 86_400_000
EVENT_WEIGHTS = {"view": 1.0, "addtocart": 2.0, "transaction": 2.0}
"""By kind; kinds that are not named weigh 1."""


class TrailOptions(Options):
    """Options of every model that learns from sessions."""

    session_minutes: float = Field(default=30.0, gt=0)
    """A session ends where nothing happens for longer."""
    kinds: dict[str, float] = Field(default=EVENT_WEIGHTS)
    """Weights by kind of event; one that is not named weighs 1, and 0 leaves a kind out."""
    half_life_days: float | None = Field(default=None, gt=0)
    """An event weighs half as much when it is so much older than the last one; null: age says
    nothing."""
    longest: PositiveInt = 2000
    """Events of a user that are read, the latest: more are those of a robot."""
    recency: float = Field(default=1.0, ge=0)
    """p: a history's item that n later ones follow weighs (n + 1) ** -p. Without times all
    weigh 1."""


def trail_of(data: TrainingSet, options: TrailOptions) -> Trail:
    """The events that count, with their sessions and weights."""
    events = data.events()
    events = events.where(_latest(events, options.longest))
    by_kind = np.array([options.kinds.get(kind, 1.0) for kind in events.kinds], np.float32)
    weight = by_kind[events.kind]
    if options.half_life_days is not None and len(events):
        age = (events.timestamp.max() - events.timestamp) / (options.half_life_days * DAY_MS)
        weight = weight * np.exp2(-age).astype(np.float32)
    session = events.sessions(int(options.session_minutes * MINUTE_MS))
    counted = weight > 0
    return Trail(
        events.item[counted],
        events.user[counted],
        session[counted],
        events.timestamp[counted],
        weight[counted].astype(np.float32),
    )


def _latest(events: Events, most: int) -> NDArray[np.bool_]:
    """Which are among the `most` last of their user."""
    ends = np.searchsorted(events.user, events.user, side="right")
    return ends - np.arange(len(events)) <= most


class SessionRecommender(Recommender):
    """A model that ranks by sums over a history's items, the latest ones ahead."""

    uses_timestamps = True

    class Config(TrailOptions, Recommender.Config):
        """Options of the model."""

    config: Config

    def _weighed(
        self, histories: sparse.csr_matrix, timestamps: NDArray[np.int64] | None
    ) -> sparse.csr_matrix:
        if timestamps is None:
            return histories
        return by_recency(histories, timestamps, self.config.recency)
