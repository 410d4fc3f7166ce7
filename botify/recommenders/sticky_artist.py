"""STICKY_ARTIST."""

from botify.catalog import Catalog
from botify.plan import Step, from_catalog, from_tracks
from botify.recommenders.base import RANDOM, Recommender


class StickyArtist(Recommender):
    """Uniform over the unseen tracks of the last track's artist; then random."""

    def __init__(self, name: str, catalog: Catalog) -> None:
        """The catalog knows whose track it is."""
        super().__init__(name)
        self._catalog = catalog
        self._random = from_catalog(RANDOM)

    def plan(self, user: int, track: int) -> tuple[Step, ...]:
        """The artist's tracks."""
        return from_tracks(self.name, self._catalog.same_artist(track), "unseen"), self._random
