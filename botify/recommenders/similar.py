"""Similar to the last track."""

from botify.recommenders.base import POPULAR_STEP, RANDOM_STEP, Recommender
from botify.store.candidates import CandidateStep, from_list


class Similar(Recommender):
    """The last track's neighbours, best first: the first unseen; then popular in order; random."""

    def __init__(
        self, name: str, neighbours: str, *, seen_filter: bool = True, exclude: bytes = b""
    ) -> None:
        """`neighbours` names the stored item-to-item list; for the rest see Recommender."""
        super().__init__(name, seen_filter=seen_filter, exclude=exclude)
        self._neighbours = neighbours

    def candidates(self, user: int, track: int) -> tuple[CandidateStep, ...]:
        """The neighbours of the last track and their fallbacks."""
        own = from_list(self.name, self._neighbours, str(track), self._ranked)
        return own, POPULAR_STEP, RANDOM_STEP
