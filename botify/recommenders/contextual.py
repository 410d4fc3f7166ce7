"""CONTEXTUAL."""

from botify.config import NeighboursName, RecommenderConfig
from botify.plays import Play
from botify.recommenders.base import RANDOM_STEP, Recommender
from botify.store.candidates import CandidateStep, from_list


class Contextual(Recommender):
    """Uniform over the up to 100 neighbours of the last track; random without any.

    Seen or not, as CONTEXTUAL is defined, unless the seen filter is turned on.
    """

    class Config(RecommenderConfig):
        """Names the neighbours."""

        seen_filter: bool = False
        neighbours: NeighboursName

    config: Config

    def candidates(self, user: int, play: Play) -> tuple[CandidateStep, ...]:
        """The neighbours of the last track."""
        neighbours = self.config.neighbours
        return from_list(self.name, neighbours, str(play.track), self._sampled), RANDOM_STEP
