"""TOP_POP."""

from botify.config import TOP_TRACKS
from botify.lists import EVERYONE
from botify.plan import Step, from_catalog, from_list
from botify.recommenders.base import RANDOM, Recommender


class TopPop(Recommender):
    """Uniform over the unseen ones of the 100 most popular tracks; then random."""

    def __init__(self, name: str) -> None:
        """See Recommender."""
        super().__init__(name)
        self._plan = (from_list(name, TOP_TRACKS, EVERYONE, "unseen"), from_catalog(RANDOM))

    def plan(self, user: int, track: int) -> tuple[Step, ...]:
        """The same for everyone."""
        return self._plan
