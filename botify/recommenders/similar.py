"""Similar to the last track."""

from botify.config import NeighboursName, RecommenderConfig
from botify.plays import Play
from botify.recommenders.base import POPULAR_STEP, RANDOM_STEP, Recommender
from botify.store.candidates import CandidateStep, from_list


class Similar(Recommender):
    """The last track's neighbours, best first: the first unseen; then popular in order; random."""

    class Config(RecommenderConfig):
        """Names the neighbours."""

        neighbours: NeighboursName

    config: Config

    def candidates(self, user: int, play: Play) -> tuple[CandidateStep, ...]:
        """The neighbours of the last track and their fallbacks."""
        own = from_list(self.name, self.config.neighbours, str(play.track), self._ranked)
        return own, POPULAR_STEP, RANDOM_STEP
