"""STICKY_ARTIST."""

from botify.plays import Play
from botify.recommenders.base import RANDOM_STEP, Recommender
from botify.store.candidates import CandidateStep, from_tracks


class StickyArtist(Recommender):
    """Uniform over the unseen tracks of the last track's artist; then random."""

    def candidates(self, user: int, play: Play) -> tuple[CandidateStep, ...]:
        """The artist's tracks."""
        own = from_tracks(self.name, self.catalog.same_artist(play.track), self._sampled)
        return own, RANDOM_STEP
