"""Target policies: the choice of a recommender that is not served yet, with its probability."""

from collections.abc import Sequence
from typing import Protocol

from offline.off_policy.decisions import Bools, Floats


class Target(Protocol):
    """A policy next to the n decisions of a log; arrays of shape (n,)."""

    @property
    def name(self) -> str:
        """As the table shows it."""

    @property
    def answers(self) -> Bools:
        """Whether the policy has a track to offer there."""

    @property
    def chances(self) -> Floats:
        """With what chance it would have chosen the track that was recommended."""

    @property
    def notes(self) -> Sequence[str]:
        """What a reader of its table must know."""

    def mean_of(self, values: Floats) -> Floats:
        """Mean of a value per track over what the policy would choose at each decision.

        `values` has one for each of `Decisions.logged`, and at the end one for all other tracks.
        """
