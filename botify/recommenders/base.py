"""The interface of all recommenders."""

from abc import ABC, abstractmethod
from typing import ClassVar

from botify.config import TOP_TRACKS
from botify.lists.reader import EVERYONE
from botify.plays import Play
from botify.store.candidates import CandidateStep, Ranked, Sampled, from_catalog, from_list
from botify.store.sessions import Decision, Randomness, SessionStore

RANDOM_STEP = from_catalog("random")
"""The last fallback: uniform over the unseen catalog."""

POPULAR_STEP = from_list("top_pop", TOP_TRACKS, EVERYONE, "first")
"""The fallback of lists in order: the most popular tracks, in order."""


class Recommender(ABC):
    """Names the candidate steps for the next track; the store takes the first that has one."""

    needs_plays: ClassVar[bool] = False
    """Whether it needs the plays of the session, in order."""

    def __init__(self, name: str, *, seen_filter: bool, exclude: bytes = b"") -> None:
        """`name` is in the log when this recommender itself answers.

        `seen_filter`: whether its own steps skip tracks that were seen in the session; those it
        falls back to always do. `exclude`: packed tracks that no step may offer.
        """
        self.name = name
        self.exclude = exclude
        self._ranked: Ranked = "first" if seen_filter else "best"
        self._sampled: Sampled = "unseen" if seen_filter else "any"

    def recommend(
        self, store: SessionStore, user: int, play: Play, random: Randomness, exclude: bytes
    ) -> Decision:
        """The next track, in one round trip to the store. Raises StoreError.

        `exclude`: packed tracks not to offer. By `candidates`, unless overridden.
        """
        return store.next(user, play.track, self.candidates(user, play.track), random, exclude)

    @abstractmethod
    def candidates(self, user: int, track: int) -> tuple[CandidateStep, ...]:
        """Steps to try in order, for a user who has just played `track`; the last always answers.

        Cheap and free of side effects: it runs once per request.
        """
