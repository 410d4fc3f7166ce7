"""Candidate steps: where to look for the next track. The first that has one answers."""

from typing import Literal, NamedTuple

Ranked = Literal["first", "best"]
"""The first track that was not seen (played or offered) in this session, or the first of all."""

Sampled = Literal["unseen", "any"]
"""Uniform over the tracks not seen in this session, or over all."""


class CandidateStep(NamedTuple):
    """One place to look for the next track. The fields but the first go to next.lua, in order.

    Excluded tracks count as absent, whatever the pick.
    """

    answers_as: str
    """Name written to the log when this step answers."""
    source: Literal["list", "tracks", "catalog"]
    """A stored list, the packed tracks in `key`, or every track."""
    name: str
    """The stored list's name."""
    key: str | bytes
    """The list's owner, or the packed tracks."""
    pick: Ranked | Sampled


def from_list(answers_as: str, name: str, key: str, pick: Ranked | Sampled) -> CandidateStep:
    """A track of a stored list."""
    return CandidateStep(answers_as, "list", name, key, pick)


def from_tracks(answers_as: str, packed: bytes, pick: Ranked | Sampled) -> CandidateStep:
    """One of the given packed tracks."""
    return CandidateStep(answers_as, "tracks", "", packed, pick)


def from_catalog(answers_as: str, pick: Sampled = "unseen") -> CandidateStep:
    """Uniform over the catalog; over all of it once every track is seen. Always answers."""
    return CandidateStep(answers_as, "catalog", "", "", pick)
