"""RANDOM."""

from botify.recommenders.base import Recommender
from botify.store.candidates import CandidateStep, from_catalog


class Random(Recommender):
    """Uniform over the unseen catalog."""

    def __init__(self, name: str, *, seen_filter: bool = True, exclude: bytes = b"") -> None:
        """See Recommender."""
        super().__init__(name, seen_filter=seen_filter, exclude=exclude)
        self._candidates = (from_catalog(name, self._sampled),)

    def candidates(self, user: int, track: int) -> tuple[CandidateStep, ...]:
        """The same for everyone."""
        return self._candidates
