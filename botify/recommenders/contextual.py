"""CONTEXTUAL."""

from botify.recommenders.base import RANDOM_STEP, Recommender
from botify.store.candidates import CandidateStep, from_list


class Contextual(Recommender):
    """Uniform over the up to 100 neighbours of the last track; random without any.

    Seen or not, as CONTEXTUAL is defined, unless the seen filter is turned on.
    """

    def __init__(
        self, name: str, neighbours: str, *, seen_filter: bool = False, exclude: bytes = b""
    ) -> None:
        """`neighbours` names the stored item-to-item list; for the rest see Recommender."""
        super().__init__(name, seen_filter=seen_filter, exclude=exclude)
        self._neighbours = neighbours

    def candidates(self, user: int, track: int) -> tuple[CandidateStep, ...]:
        """The neighbours of the last track."""
        return from_list(self.name, self._neighbours, str(track), self._sampled), RANDOM_STEP
