"""The routes as an OpenAPI 3.1 document, written by hand and checked by tests.

See https://spec.openapis.org/oas/v3.1.0.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from botify.api.openapi_parts import (
    NATURAL,
    Json,
    document_of,
    error,
    forced_header,
    get,
    object_schema,
    ok,
    ref,
    responses,
)
from botify.config import MAX_EXCLUDED

MAX_USER_DIGITS = 200
"""Longest user id: Redis and the event log store it."""
MAX_USER = 10**MAX_USER_DIGITS - 1


def document(n_tracks: int, experiments: Sequence[Mapping[str, Any]], forcing: bool) -> Json:
    """The document of a service with these tracks and experiments (`Experiments.describe`).

    `forcing`: whether a header may force treatments.
    """
    about = (
        "Chooses the track that a listener hears next.\n\n"
        "A session of a user is the run of `next` calls up to and including one `last`. "
        "The first `next` carries the track the user started with, `time` 1. "
        "One user has one session at a time. Any user is served, known or not.\n\n"
        "Every error is JSON with a `message`. Bodies are read as JSON whatever their "
        "`Content-Type`; pages of browsers must send `application/json`, and pages of "
        "other origins get 403 unless the config allows them."
    )
    tags = [{"name": "listening", "description": "What players call."}]
    paths = _paths(n_tracks, forced_header(experiments) if forcing else [])
    return document_of(about, tags, paths, _schemas(n_tracks))


def _paths(n_tracks: int, forced: list[Json]) -> Json:
    play = {"track": min(7, n_tracks - 1), "time": 0.5}
    body = {
        "required": True,
        "content": {
            "application/json": {
                "schema": ref("Play"),
                "examples": {
                    "played in half": {"value": play},
                    "first of a session": {"value": {**play, "time": 1}},
                    "with tracks to avoid": {"value": {**play, "exclude": [0]}},
                },
            }
        },
    }
    wrong_play = {
        "400": error(
            "The body is not JSON, a field is missing or of the wrong type, `time` is outside "
            "0 to 1, a track is not in the catalog"
            + (", or the header asks for what does not run." if forced else ".")
            + f" Or the user has more than {MAX_USER_DIGITS} digits, or the body was cut off.",
            "`time` is missing",
        ),
        "404": error(
            "The user is not a non-negative integer.",
            "/next/ann: a user is a non-negative integer, as in /next/7, not 'ann'",
        ),
        "408": error(
            "The body did not come in time; the connection is closed.",
            "the body did not arrive within 5 s",
        ),
        "413": error("The body is larger than 64 KiB.", "the body is larger than 65,536 bytes"),
        "415": error(
            "A page of a browser sent its body as a form or as text.",
            "pages must send JSON as Content-Type: application/json",
        ),
    }
    playback = {"tags": ["listening"], "parameters": [_USER, *forced], "requestBody": body}
    return {
        "/": get("listening", "Is the service there?", ok("Alive", ref("Hello"), _HELLO)),
        "/track/{track}": get(
            "listening",
            "Artist and title of a track, and its neighbours if the catalog has them",
            ok("The track", ref("Track"), {"track": 0, "artist": "Ana", "title": "Dawn"}),
            {"404": error("There is no such track.", f"there is no track {n_tracks}")},
            parameters=[_path("track", "A track's id.")],
        ),
        "/experiments/{user}": get(
            "listening",
            "The treatment of a user in each experiment",
            ok("By experiment", ref("Assignment"), {"DAE_VS_CONTEXTUAL": "T1"}),
            {"400": wrong_play["400"], "404": wrong_play["404"]},
            parameters=[_USER],
        ),
        "/next/{user}": {
            "post": {
                **playback,
                "operationId": "next",
                "summary": "Tell what was played, and get the track to play next",
                "responses": responses(
                    ok("The next track", ref("Next"), {"user": 7, "track": 0}), wrong_play
                ),
            }
        },
        "/last/{user}": {
            "post": {
                **playback,
                "operationId": "last",
                "summary": "Tell the last track that was played, and end the session",
                "responses": responses(
                    ok("The session is over", ref("Last"), {"user": 7}), wrong_play
                ),
            }
        },
    }


def _schemas(n_tracks: int) -> Json:
    track = {"type": "integer", "minimum": 0, "maximum": n_tracks - 1}
    user = NATURAL | {"maximum": MAX_USER, "description": "10^30 is a user, too."}
    text = {"type": "string"}
    return {
        "Assignment": {"type": "object", "additionalProperties": text},
        "Play": object_schema(
            {
                "track": {
                    **track,
                    "description": "The track that was just played; 7, not 7.0.",
                },
                "time": {
                    "type": "number",
                    "minimum": 0,
                    "maximum": 1,
                    "description": "The share of it that was played.",
                },
                "exclude": {
                    "type": ["array", "null"],
                    "items": track,
                    "maxItems": MAX_EXCLUDED,
                    "description": "Tracks not to answer this time.",
                },
            },
            optional=("exclude",),
            description="Other fields are ignored.",
        ),
        "Next": object_schema({"user": user, "track": {**track, "description": "To play next."}}),
        "Last": object_schema({"user": user}),
        "Track": object_schema(
            {
                **{"track": track, "artist": text, "title": text},
                "recommendations": {
                    "type": "array",
                    "items": track,
                    "description": "Its neighbours, best first, if the catalog has them.",
                },
            },
            optional=("recommendations",),
        ),
    }


def _path(name: str, description: str, largest: int | None = None) -> Json:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": NATURAL | ({} if largest is None else {"maximum": largest}),
        "example": 7,
    }


_USER = _path("user", f"Known or not, of up to {MAX_USER_DIGITS} digits.", MAX_USER)
_HELLO = {"status": "alive", "message": "botify answers POST /next/<user>"}
