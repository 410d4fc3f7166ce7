"""The interface every recommender has."""

from abc import ABC, abstractmethod

from botify.plan import Step

RANDOM = "random"
"""Name in the log of the random fallback."""

TOP_POP = "top_pop"
"""Name in the log of the fallback to popular tracks."""


class Recommender(ABC):
    """Plans where the next track comes from; the store carries the plan out."""

    def __init__(self, name: str) -> None:
        """`name` is written to the log when this recommender itself answers."""
        self.name = name

    @abstractmethod
    def plan(self, user: int, track: int) -> tuple[Step, ...]:
        """Steps to try in order, for a user who has just played `track`; the last always answers.

        Cheap and free of side effects: it runs once per request.
        """
