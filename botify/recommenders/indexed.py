"""A list per user, made offline (DAE)."""

from botify.recommenders.base import POPULAR_STEP, RANDOM_STEP, Recommender
from botify.store.candidates import CandidateStep, from_list


class Indexed(Recommender):
    """The user's list, best first: the first unseen; then popular tracks in order; then random."""

    def __init__(
        self, name: str, list_name: str, *, seen_filter: bool = True, exclude: bytes = b""
    ) -> None:
        """`list_name` names the stored lists of users; for the rest see Recommender."""
        super().__init__(name, seen_filter=seen_filter, exclude=exclude)
        self._list = list_name

    def candidates(self, user: int, track: int) -> tuple[CandidateStep, ...]:
        """The user's list and its fallbacks."""
        return from_list(self.name, self._list, str(user), self._ranked), POPULAR_STEP, RANDOM_STEP
