"""Checks the service's answers to plays."""

import orjson

from sim.errors import InputError


def track_of(body: bytes, where: str, n_tracks: int) -> int:
    """The track that a 200 answer to `next` names; `where` is the URL. Raises InputError."""
    answer = fields_of(body, where)
    track = answer.get("track")
    if type(track) is not int:
        raise InputError(f"{where}: answered {answer}, without a track: is it botify?")
    if not 0 <= track < n_tracks:
        raise InputError(
            f"{where}: answered track {track}, but this world has tracks 0 to {n_tracks - 1}: "
            f"do service and simulator read the same catalog?"
        )
    return track


def fields_of(body: bytes, where: str) -> dict[str, object]:
    """The JSON object of a 200 answer; `where` is the URL. Raises InputError."""
    try:
        answer = orjson.loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise InputError(f"{where}: answered 200 {body[:200]!r}, a JSON object was expected")
    return answer
