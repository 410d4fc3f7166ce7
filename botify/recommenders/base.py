"""The interface every recommender has."""

from abc import ABC, abstractmethod
from typing import ClassVar

from botify.config import TOP_TRACKS
from botify.lists.reader import EVERYONE
from botify.plays import Play
from botify.store.candidates import AtRandom, InOrder, Step, from_catalog, from_list
from botify.store.sessions import Offer, Randomness, Store

AT_RANDOM = from_catalog("random")
"""The last fallback: uniform over the unseen catalog."""

POPULAR = from_list("top_pop", TOP_TRACKS, EVERYONE, "first")
"""The fallback of lists in order: the most popular tracks, in order."""


class Recommender(ABC):
    """Plans where the next track comes from; the store carries the plan out."""

    hears: ClassVar[bool] = False
    """Whether it needs the plays of the session, in order."""

    def __init__(self, name: str, *, seen_filter: bool, exclude: bytes = b"") -> None:
        """`name` is written to the log when this recommender itself answers.

        `seen_filter`: whether its own steps pass over what this session heard and was offered;
        those it falls back to always do. `exclude`: packed tracks that no step may offer.
        """
        self.name = name
        self.exclude = exclude
        self._in_order: InOrder = "first" if seen_filter else "best"
        self._at_random: AtRandom = "unseen" if seen_filter else "any"

    def offer(
        self, store: Store, user: int, play: Play, random: Randomness, exclude: bytes
    ) -> Offer:
        """The next track, in one round trip to the store. Raises StoreError.

        `exclude`: packed tracks not to offer. By the plan, unless a recommender decides itself.
        """
        return store.next(user, play.track, self.plan(user, play.track), random, exclude)

    @abstractmethod
    def plan(self, user: int, track: int) -> tuple[Step, ...]:
        """Steps to try in order, for a user who has just played `track`; the last always answers.

        Cheap and free of side effects: it runs once per request.
        """
