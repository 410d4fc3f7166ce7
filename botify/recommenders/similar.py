"""Similar to the last track."""

from botify.recommenders.base import AT_RANDOM, POPULAR, Recommender
from botify.store.candidates import Step, from_list


class Similar(Recommender):
    """The last track's neighbours, best first: the first unseen; then popular in order; random."""

    def __init__(
        self, name: str, neighbours: str, *, seen_filter: bool = True, exclude: bytes = b""
    ) -> None:
        """`neighbours` names the stored item-to-item list; the rest as Recommender has it."""
        super().__init__(name, seen_filter=seen_filter, exclude=exclude)
        self._neighbours = neighbours

    def plan(self, user: int, track: int) -> tuple[Step, ...]:
        """The neighbours of the last track and their fallbacks."""
        own = from_list(self.name, self._neighbours, str(track), self._in_order)
        return own, POPULAR, AT_RANDOM
