"""What a recommender asks of the store: a few steps, the first that has a track answers."""

from typing import Literal, NamedTuple

InOrder = Literal["first", "best"]
"""The first that was neither heard nor offered in this session, or the first of all."""

AtRandom = Literal["unseen", "any"]
"""Uniform over those neither heard nor offered in this session, or over all."""


class Step(NamedTuple):
    """One place to look for the next track, as next.lua reads it.

    Excluded tracks count as absent, whatever the pick.
    """

    answers_as: str
    """Name written to the log when this step answers."""
    source: Literal["list", "tracks", "catalog"]
    """A stored list, the packed tracks in `key`, or every track."""
    name: str
    """The stored list's name."""
    key: str | bytes
    """Whose list, or the packed tracks."""
    pick: InOrder | AtRandom


def from_list(answers_as: str, name: str, key: str, pick: InOrder | AtRandom) -> Step:
    """Look into a stored list."""
    return Step(answers_as, "list", name, key, pick)


def from_tracks(answers_as: str, packed: bytes, pick: InOrder | AtRandom) -> Step:
    """Look into the given packed tracks."""
    return Step(answers_as, "tracks", "", packed, pick)


def from_catalog(answers_as: str, pick: AtRandom = "unseen") -> Step:
    """Uniform over the catalog, over all of it once all is seen. Always answers."""
    return Step(answers_as, "catalog", "", "", pick)
