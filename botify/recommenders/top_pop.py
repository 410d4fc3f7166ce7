"""TOP_POP."""

from botify.config import TOP_TRACKS
from botify.lists.reader import EVERYONE
from botify.recommenders.base import RANDOM_STEP, Recommender
from botify.store.candidates import CandidateStep, from_list


class TopPop(Recommender):
    """Uniform over the unseen ones of the 100 most popular tracks; then random."""

    def __init__(self, name: str, *, seen_filter: bool = True, exclude: bytes = b"") -> None:
        """See Recommender."""
        super().__init__(name, seen_filter=seen_filter, exclude=exclude)
        self._candidates = (from_list(name, TOP_TRACKS, EVERYONE, self._sampled), RANDOM_STEP)

    def candidates(self, user: int, track: int) -> tuple[CandidateStep, ...]:
        """The same for everyone."""
        return self._candidates
