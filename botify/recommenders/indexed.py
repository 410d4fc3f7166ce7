"""A list per user, made offline (DAE)."""

from botify.config import TOP_TRACKS
from botify.lists import EVERYONE
from botify.plan import Step, from_catalog, from_list
from botify.recommenders.base import RANDOM, TOP_POP, Recommender


class Indexed(Recommender):
    """The user's list, best first: the first unseen; then popular tracks in order; then random."""

    def __init__(self, name: str, list_name: str) -> None:
        """`list_name` names the stored lists of users."""
        super().__init__(name)
        self._list = list_name
        self._popular = from_list(TOP_POP, TOP_TRACKS, EVERYONE, "first")
        self._random = from_catalog(RANDOM)

    def plan(self, user: int, track: int) -> tuple[Step, ...]:
        """The user's list and its fallbacks."""
        return from_list(self.name, self._list, str(user), "first"), self._popular, self._random
