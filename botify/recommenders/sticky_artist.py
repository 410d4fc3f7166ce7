"""STICKY_ARTIST."""

from botify.catalog import Catalog
from botify.recommenders.base import AT_RANDOM, Recommender
from botify.store.candidates import Step, from_tracks


class StickyArtist(Recommender):
    """Uniform over the unseen tracks of the last track's artist; then random."""

    def __init__(
        self, name: str, catalog: Catalog, *, seen_filter: bool = True, exclude: bytes = b""
    ) -> None:
        """The catalog knows whose track it is; the rest as Recommender has it."""
        super().__init__(name, seen_filter=seen_filter, exclude=exclude)
        self._catalog = catalog

    def plan(self, user: int, track: int) -> tuple[Step, ...]:
        """The artist's tracks."""
        return from_tracks(self.name, self._catalog.same_artist(track), self._at_random), AT_RANDOM
