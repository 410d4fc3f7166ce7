"""TOP_POP."""

from botify.config import TOP_TRACKS
from botify.lists.reader import EVERYONE
from botify.recommenders.base import AT_RANDOM, Recommender
from botify.store.candidates import Step, from_list


class TopPop(Recommender):
    """Uniform over the unseen ones of the 100 most popular tracks; then random."""

    def __init__(self, name: str, *, seen_filter: bool = True, exclude: bytes = b"") -> None:
        """See Recommender."""
        super().__init__(name, seen_filter=seen_filter, exclude=exclude)
        self._plan = (from_list(name, TOP_TRACKS, EVERYONE, self._at_random), AT_RANDOM)

    def plan(self, user: int, track: int) -> tuple[Step, ...]:
        """The same for everyone."""
        return self._plan
