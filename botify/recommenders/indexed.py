"""A list per user, made offline (DAE)."""

from botify.config import ListName, RecommenderConfig
from botify.plays import Play
from botify.recommenders.base import POPULAR_STEP, RANDOM_STEP, Recommender
from botify.store.candidates import CandidateStep, from_list


class Indexed(Recommender):
    """The user's list, best first: the first unseen; then popular tracks in order; then random."""

    class Config(RecommenderConfig):
        """Names the lists of users."""

        list: ListName

    config: Config

    def candidates(self, user: int, play: Play) -> tuple[CandidateStep, ...]:
        """The user's list and its fallbacks."""
        own = from_list(self.name, self.config.list, str(user), self._ranked)
        return own, POPULAR_STEP, RANDOM_STEP
