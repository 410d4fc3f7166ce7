"""RANDOM."""

from botify.plan import Step, from_catalog
from botify.recommenders.base import Recommender


class Random(Recommender):
    """Uniform over the unseen catalog."""

    def __init__(self, name: str) -> None:
        """See Recommender."""
        super().__init__(name)
        self._plan = (from_catalog(name),)

    def plan(self, user: int, track: int) -> tuple[Step, ...]:
        """The same for everyone."""
        return self._plan
