"""The session model (DAE_SESSION)."""

from typing import ClassVar

import numpy as np

from botify.plays import Play
from botify.recommenders.base import POPULAR_STEP, RANDOM_STEP, Recommender
from botify.session_model.live import LiveModel
from botify.session_model.scoring import Exploration
from botify.store.candidates import CandidateStep, from_list
from botify.store.sessions import Decision, Randomness, SessionStore

_PLAYS = np.dtype([("track", "<u4"), ("time", "<f4")])


class Session(Recommender):
    """The model's best track for this session; if it has none, from the user's list."""

    needs_plays: ClassVar[bool] = True

    def __init__(
        self,
        name: str,
        model: LiveModel,
        list_name: str,
        n_tracks: int,
        explore: Exploration | None = None,
        *,
        seen_filter: bool = True,
        exclude: bytes = b"",
    ) -> None:
        """`list_name` names the stored lists of users; for the rest see Recommender."""
        super().__init__(name, seen_filter=seen_filter, exclude=exclude)
        self._model = model
        self._list = list_name
        self._n_tracks = n_tracks
        self._explore = explore
        self._filters = seen_filter

    def recommend(
        self, store: SessionStore, user: int, play: Play, random: Randomness, exclude: bytes
    ) -> Decision:
        """By one version of the model throughout the request."""
        model = self._model.current
        if model is None:
            return super().recommend(store, user, play, random, exclude)
        snapshot = store.open_session(user, play.track, play.time, random)
        plays = np.frombuffer(snapshot.plays, _PLAYS)
        if len(plays) > 1:
            # The session may have begun before a smaller catalog was put into service.
            plays = plays[plays["track"] < self._n_tracks]
        barred = np.frombuffer((snapshot.seen if self._filters else b"") + exclude, "<u4")
        choice = model.choose(
            user,
            plays["track"].astype(np.int32),
            plays["time"],
            barred[barred < self._n_tracks].astype(np.int32),
            snapshot.ahead,
            self._explore,
            snapshot.random,
        )
        if choice is None:
            decision = super().recommend(store, user, play, snapshot.random, exclude)
        else:
            decision = Decision(
                session=snapshot.session,
                timestamp=snapshot.timestamp,
                track=choice.track,
                recommender=self.name,
                rank=choice.rank,
                propensity=choice.propensity,
                model_version=model.version,
            )
        store.mark_offered(user, snapshot.session, decision.track)
        return decision

    def candidates(self, user: int, track: int) -> tuple[CandidateStep, ...]:
        """Used if the model has no answer."""
        return from_list("indexed", self._list, str(user), self._ranked), POPULAR_STEP, RANDOM_STEP
