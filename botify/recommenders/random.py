"""RANDOM."""

from botify.config import RecommenderConfig
from botify.plays import Play
from botify.recommenders.base import Recommender, Resources
from botify.store.candidates import CandidateStep, from_catalog


class Random(Recommender):
    """Uniform over the unseen catalog."""

    def __init__(self, name: str, config: RecommenderConfig, resources: Resources) -> None:
        """See Recommender."""
        super().__init__(name, config, resources)
        self._candidates = (from_catalog(name, self._sampled),)

    def candidates(self, user: int, play: Play) -> tuple[CandidateStep, ...]:
        """The same for everyone."""
        return self._candidates
