"""Lists of tracks, best first: `recommendations.json`, item-to-item lists, `top_tracks.json`."""

from contract.errors import FormatError
from contract.ids import track_id, user_digits
from contract.values import is_nothing

OWNER_KEYS = ("track", "item_id")
"""How editions name the track that a line of item-to-item lists belongs to."""
LARGEST = 2**31 - 1
"""Of a track that a list may hold, as arrays have 32 bits."""


def parse_recommendations(row: object) -> tuple[str, tuple[int, ...]]:
    """User in digits and tracks, best first, of a line of recommendations. Raises FormatError."""
    if not isinstance(row, dict):
        raise FormatError("expected a JSON object")
    user = None if isinstance(row.get("user"), str) else user_digits(row.get("user"))
    if user is None:
        raise FormatError("`user` must be a non-negative integer")
    return user, parse_tracks(row.get("tracks"), "`tracks`")


def parse_neighbours(row: object) -> tuple[int, tuple[int, ...]]:
    """Track and neighbours, best first, of a line of item-to-item lists; () where it has none.

    Raises FormatError.
    """
    if not isinstance(row, dict):
        raise FormatError("expected a JSON object")
    owners = {track_id(row[key]) for key in OWNER_KEYS if key in row}
    if len(owners) > 1:
        raise FormatError("`track` and `item_id` differ; leave one")
    owner = owners.pop() if owners else None
    if owner is None:
        raise FormatError("`track` must be a non-negative integer")
    neighbours = row.get("recommendations")
    if is_nothing(neighbours) or neighbours == []:
        return owner, ()
    return owner, parse_tracks(neighbours, "`recommendations`")


def parse_tracks(value: object, what: str = "the list") -> tuple[int, ...]:
    """Distinct tracks, at least one, such as top_tracks.json has. Raises FormatError."""
    if not isinstance(value, list) or not value:
        raise FormatError(f"{what} must be a list of at least one track")
    found: dict[int, None] = {}
    for entry in value:
        track = track_id(entry)
        if track is None or track > LARGEST:
            raise FormatError(f"{what} must be a list of non-negative integers")
        if track in found:
            raise FormatError(f"{what}: track {track} is there twice")
        found[track] = None
    return tuple(found)
