"""CONTEXTUAL."""

from botify.plan import Step, from_catalog, from_list
from botify.recommenders.base import RANDOM, Recommender


class Contextual(Recommender):
    """Uniform over the up to 100 neighbours of the last track, seen or not; random without any."""

    def __init__(self, name: str, neighbours: str) -> None:
        """`neighbours` names the stored item-to-item list."""
        super().__init__(name)
        self._neighbours = neighbours
        self._random = from_catalog(RANDOM)

    def plan(self, user: int, track: int) -> tuple[Step, ...]:
        """The neighbours of the last track."""
        return from_list(self.name, self._neighbours, str(track), "any"), self._random
