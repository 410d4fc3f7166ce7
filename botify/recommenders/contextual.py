"""CONTEXTUAL."""

from botify.recommenders.base import AT_RANDOM, Recommender
from botify.store.candidates import Step, from_list


class Contextual(Recommender):
    """Uniform over the up to 100 neighbours of the last track; random without any.

    Seen or not, as CONTEXTUAL is defined, unless the seen filter is turned on.
    """

    def __init__(
        self, name: str, neighbours: str, *, seen_filter: bool = False, exclude: bytes = b""
    ) -> None:
        """`neighbours` names the stored item-to-item list; the rest as Recommender has it."""
        super().__init__(name, seen_filter=seen_filter, exclude=exclude)
        self._neighbours = neighbours

    def plan(self, user: int, track: int) -> tuple[Step, ...]:
        """The neighbours of the last track."""
        return from_list(self.name, self._neighbours, str(track), self._at_random), AT_RANDOM
