"""The model that hears the session (DAE_SESSION)."""

from typing import ClassVar

import numpy as np

from botify.plays import Play
from botify.recommenders.base import AT_RANDOM, POPULAR, Recommender
from botify.session_model.live import Model
from botify.session_model.scoring import Explore
from botify.store.candidates import Step, from_list
from botify.store.sessions import Offer, Randomness, Store

_PLAYS = np.dtype([("track", "<u4"), ("time", "<f4")])


class Session(Recommender):
    """What the model finds best for this session; where it knows nothing, the user's list."""

    hears: ClassVar[bool] = True

    def __init__(
        self,
        name: str,
        model: Model,
        list_name: str,
        n_tracks: int,
        explore: Explore | None = None,
        *,
        seen_filter: bool = True,
        exclude: bytes = b"",
    ) -> None:
        """`list_name` names the stored lists of users; the rest as Recommender has it."""
        super().__init__(name, seen_filter=seen_filter, exclude=exclude)
        self._model = model
        self._list = list_name
        self._n_tracks = n_tracks
        self._explore = explore
        self._filters = seen_filter

    def offer(
        self, store: Store, user: int, play: Play, random: Randomness, exclude: bytes
    ) -> Offer:
        """By the model, of which one stays the same throughout a request."""
        model = self._model.current
        if model is None:
            return super().offer(store, user, play, random, exclude)
        opened = store.open(user, play.track, play.time, random)
        plays = np.frombuffer(opened.plays, _PLAYS)
        if len(plays) > 1:
            # A session that began before a smaller catalog was put into service.
            plays = plays[plays["track"] < self._n_tracks]
        barred = np.frombuffer((opened.seen if self._filters else b"") + exclude, "<u4")
        choice = model.choose(
            user,
            plays["track"].astype(np.int32),
            plays["time"],
            barred[barred < self._n_tracks].astype(np.int32),
            opened.ahead,
            self._explore,
            iter(opened.random).__next__,
        )
        if choice is None:
            offer = super().offer(store, user, play, opened.random, exclude)
        else:
            offer = Offer(
                session=opened.session,
                timestamp=opened.timestamp,
                track=choice.track,
                recommender=self.name,
                rank=choice.rank,
                propensity=choice.propensity,
                model_version=model.version,
            )
        store.offered(user, opened.session, offer.track)
        return offer

    def plan(self, user: int, track: int) -> tuple[Step, ...]:
        """What answers where the model cannot."""
        return from_list("indexed", self._list, str(user), self._in_order), POPULAR, AT_RANDOM
