"""What a recommender asks of the store: a few steps, the first that has a track answers."""

from typing import Literal, NamedTuple

Pick = Literal["first", "unseen", "any", ""]


class Step(NamedTuple):
    """One place to look for the next track, as next.lua reads it."""

    answers_as: str
    """Name written to the log when this step answers."""
    source: Literal["list", "tracks", "catalog"]
    """A stored list, the packed tracks in `key`, or every track."""
    name: str
    """The stored list's name."""
    key: str | bytes
    """Whose list, or the packed tracks."""
    pick: Pick
    """First unseen, uniform over the unseen, or uniform over all."""


def from_list(answers_as: str, name: str, key: str, pick: Pick) -> Step:
    """Look into a stored list."""
    return Step(answers_as, "list", name, key, pick)


def from_tracks(answers_as: str, packed: bytes, pick: Pick) -> Step:
    """Look into the given packed tracks."""
    return Step(answers_as, "tracks", "", packed, pick)


def from_catalog(answers_as: str) -> Step:
    """Uniform over the unseen catalog, over all of it once all is seen. Always answers."""
    return Step(answers_as, "catalog", "", "", "")
