"""TOP_POP."""

from botify.config import TOP_TRACKS, RecommenderConfig
from botify.lists.reader import EVERYONE
from botify.plays import Play
from botify.recommenders.base import RANDOM_STEP, Recommender, Resources
from botify.store.candidates import CandidateStep, from_list


class TopPop(Recommender):
    """Uniform over the unseen ones of the 100 most popular tracks; then random."""

    def __init__(self, name: str, config: RecommenderConfig, resources: Resources) -> None:
        """See Recommender."""
        super().__init__(name, config, resources)
        self._candidates = (from_list(name, TOP_TRACKS, EVERYONE, self._sampled), RANDOM_STEP)

    def candidates(self, user: int, play: Play) -> tuple[CandidateStep, ...]:
        """The same for everyone."""
        return self._candidates
