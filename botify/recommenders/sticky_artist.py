"""STICKY_ARTIST."""

from botify.catalog import Catalog
from botify.recommenders.base import RANDOM_STEP, Recommender
from botify.store.candidates import CandidateStep, from_tracks


class StickyArtist(Recommender):
    """Uniform over the unseen tracks of the last track's artist; then random."""

    def __init__(
        self, name: str, catalog: Catalog, *, seen_filter: bool = True, exclude: bytes = b""
    ) -> None:
        """`catalog` has the artists of tracks; for the rest see Recommender."""
        super().__init__(name, seen_filter=seen_filter, exclude=exclude)
        self._catalog = catalog

    def candidates(self, user: int, track: int) -> tuple[CandidateStep, ...]:
        """The artist's tracks."""
        return from_tracks(self.name, self._catalog.same_artist(track), self._sampled), RANDOM_STEP
