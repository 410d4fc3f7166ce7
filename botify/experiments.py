"""A/B experiments: which treatment a user gets, always the same one."""

from collections.abc import Sequence

import mmh3


class Experiment:
    """A user's treatment is a pure function of experiment name and user id.

    The MurmurHash3 (x86, 32 bit) of the experiment's name seeds the hash of the user id's
    decimal digits, so that two experiments split the users independently.
    """

    def __init__(self, name: str, recommenders: dict[str, str]) -> None:
        """`recommenders` maps treatments, in the order C, T1, T2, ..., to recommender names."""
        self.name = name
        self.recommenders = recommenders
        self._treatments: Sequence[str] = tuple(recommenders)
        # mmh3 takes the seed's 32 bits unsigned; the same bits as the signed hash.
        self._seed = mmh3.hash(name, signed=False)

    def assign(self, user: int) -> str:
        """The user's treatment; equal shares."""
        bucket: int = mmh3.hash(str(user), self._seed, signed=False) % len(self._treatments)
        return self._treatments[bucket]
