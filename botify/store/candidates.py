"""Candidate steps: where to look for the next track. The first that has one answers."""

from typing import Literal, NamedTuple

from contract.chains import Pick


class CandidateStep(NamedTuple):
    """One place to look for the next track. The fields but the first go to next.lua, in order.

    Excluded tracks count as absent, whatever the pick.
    """

    answers_as: str
    """Name written to the log when this step answers."""
    source: Literal["list", "listened", "tracks", "catalog"]
    """A stored list, the one of a track of the last plays, the packed tracks in `key`, or every
    track."""
    name: str
    """The stored list's name."""
    key: str | bytes
    """The list's owner, or from how many plays to draw one, or the packed tracks."""
    pick: Pick


def from_list(answers_as: str, name: str, key: str, pick: Pick) -> CandidateStep:
    """A track of a stored list."""
    return CandidateStep(answers_as, "list", name, key, pick)


def from_tracks(answers_as: str, packed: bytes, pick: Pick) -> CandidateStep:
    """One of the given packed tracks."""
    return CandidateStep(answers_as, "tracks", "", packed, pick)


def from_catalog(answers_as: str, pick: Literal["unseen", "any"] = "unseen") -> CandidateStep:
    """Uniform over the catalog; over all of it once every track is seen. Always answers."""
    return CandidateStep(answers_as, "catalog", "", "", pick)
