"""The session model (DAE_SESSION)."""

import numpy as np
from pydantic import Field

from botify.config import ListName, ModelName, RecommenderConfig, Settings
from botify.plays import Play
from botify.recommenders.base import POPULAR_STEP, RANDOM_STEP, Recommender, Resources
from botify.recommenders.turn import Choice, Turn
from botify.session_model.scoring import Exploration
from botify.store.candidates import CandidateStep, from_list

_PLAYS = np.dtype([("track", "<u4"), ("time", "<f4")])


class ExploreConfig(Settings):
    """Requests answered by a draw, so that the log has more than the model's favourites."""

    share: float = Field(gt=0, le=1)
    """Part of the requests."""
    temperature: float = Field(default=1.0, gt=0, le=100)
    """Of the softmax over the logarithms of the tracks' expected values."""


class Session(Recommender):
    """The model's best track for this session; if it has none, from the user's list."""

    class Config(RecommenderConfig):
        """Names the model and the lists of users."""

        model: ModelName
        list: ListName
        explore: ExploreConfig | None = None

    config: Config

    def __init__(self, name: str, config: Config, resources: Resources) -> None:
        """See Recommender."""
        super().__init__(name, config, resources)
        self._model = resources.models[config.model]
        asked = config.explore
        self._explore = None if asked is None else Exploration(asked.share, asked.temperature)

    def choose(self, turn: Turn) -> Choice | None:
        """By one version of the model throughout the request."""
        model = self._model.current
        if model is None:
            return None
        plays = np.frombuffer(turn.snapshot.plays, _PLAYS)
        if len(plays) > 1:
            # The session may have begun before a smaller catalog was put into service.
            plays = plays[plays["track"] < turn.n_tracks]
        seen = turn.snapshot.seen if turn.seen_filter else b""
        barred = np.frombuffer(seen + turn.packed_exclude, "<u4")
        choice = model.choose(
            turn.user,
            plays["track"].astype(np.int32),
            plays["time"],
            barred[barred < turn.n_tracks].astype(np.int32),
            turn.snapshot.ahead,
            self._explore,
            turn.snapshot.random,
        )
        if choice is None:
            return None
        return Choice(choice.track, choice.propensity, choice.rank, model.version)

    def candidates(self, user: int, play: Play) -> tuple[CandidateStep, ...]:
        """Used if the model has no answer."""
        own = from_list("indexed", self.config.list, str(user), self._ranked)
        return own, POPULAR_STEP, RANDOM_STEP
