"""The routes as an OpenAPI 3.1 document, written by hand and checked by tests.

See https://spec.openapis.org/oas/v3.1.0.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from botify.config import MAX_EXCLUDED
from botify.version import VERSION

Json = dict[str, Any]

MAX_USER_DIGITS = 200
"""Longest user id: Redis and the event log store it."""
MAX_USER = 10**MAX_USER_DIGITS - 1


def document(n_tracks: int, experiments: Sequence[Mapping[str, Any]], forcing: bool) -> Json:
    """The document of a service with these tracks and experiments (`Experiments.describe`).

    `forcing`: whether a header may force treatments.
    """
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "botify",
            "version": VERSION,
            "license": {"name": "MIT", "identifier": "MIT"},
            "description": (
                "Chooses the track that a listener hears next.\n\n"
                "A session of a user is the run of `next` calls up to and including one `last`. "
                "The first `next` carries the track the user started with, `time` 1. "
                "One user has one session at a time. Any user is served, known or not.\n\n"
                "Every error is JSON with a `message`. Bodies are read as JSON whatever their "
                "`Content-Type`; pages of browsers must send `application/json`, and pages of "
                "other origins get 403 unless the config allows them."
            ),
        },
        "tags": [
            {"name": "listening", "description": "What players call."},
            {"name": "operations", "description": "Experiments, health and metrics."},
            {"name": "documentation", "description": "This document."},
        ],
        "paths": _paths(n_tracks, _forced(experiments) if forcing else []),
        "components": {"schemas": _schemas(n_tracks)},
    }


def _paths(n_tracks: int, forced: list[Json]) -> Json:
    play = {"track": min(7, n_tracks - 1), "time": 0.5}
    body = {
        "required": True,
        "content": {
            "application/json": {
                "schema": _ref("Play"),
                "examples": {
                    "played in half": {"value": play},
                    "first of a session": {"value": {**play, "time": 1}},
                    "with tracks to avoid": {"value": {**play, "exclude": [0]}},
                },
            }
        },
    }
    wrong_play = {
        "400": _error(
            "The body is not JSON, a field is missing or of the wrong type, `time` is outside "
            "0 to 1, a track is not in the catalog"
            + (", or the header asks for what does not run." if forced else ".")
            + f" Or the user has more than {MAX_USER_DIGITS} digits, or the body was cut off.",
            "`time` is missing",
        ),
        "404": _error(
            "The user is not a non-negative integer.",
            "/next/ann: a user is a non-negative integer, as in /next/7, not 'ann'",
        ),
        "408": _error(
            "The body did not come in time; the connection is closed.",
            "the body did not arrive within 5 s",
        ),
        "413": _error("The body is larger than 64 KiB.", "the body is larger than 65,536 bytes"),
        "415": _error(
            "A page of a browser sent its body as a form or as text.",
            "pages must send JSON as Content-Type: application/json",
        ),
    }
    playback = {"tags": ["listening"], "parameters": [_USER, *forced], "requestBody": body}
    return {
        "/": _get("listening", "Is the service there?", _ok("Alive", _ref("Hello"), _HELLO)),
        "/track/{track}": _get(
            "listening",
            "Artist and title of a track, and its neighbours if the catalog has them",
            _ok("The track", _ref("Track"), {"track": 0, "artist": "Ana", "title": "Dawn"}),
            {"404": _error("There is no such track.", f"there is no track {n_tracks}")},
            parameters=[_path("track", "A track's id.")],
        ),
        "/next/{user}": {
            "post": {
                **playback,
                "operationId": "next",
                "summary": "Tell what was played, and get the track to play next",
                "responses": _responses(
                    _ok("The next track", _ref("Next"), {"user": 7, "track": 0}), wrong_play
                ),
            }
        },
        "/last/{user}": {
            "post": {
                **playback,
                "operationId": "last",
                "summary": "Tell the last track that was played, and end the session",
                "responses": _responses(
                    _ok("The session is over", _ref("Last"), {"user": 7}), wrong_play
                ),
            }
        },
        "/experiments": _get(
            "operations",
            "The experiments that run",
            _ok("In the order in which they decide", _ref("Experiments"), _EXPERIMENTS),
        ),
        "/metrics": _get(
            "operations",
            "Figures for Prometheus, of all workers together",
            _text("text/plain", "Prometheus' text format", "botify_redis_up 1.0\n"),
        ),
        "/health": _get(
            "operations",
            "Does a person have to look at it?",
            _ok("No", _ref("Health"), {"status": "ok"}),
            {
                "503": _answer(
                    "Yes: Redis is unavailable, lists are missing or were refused, events cannot "
                    "be written or were lost, the log's disk is nearly full, or workers do not "
                    "answer.",
                    _ref("Health"),
                    {"status": "bad", "reasons": ["3 events were lost"]},
                )
            },
        ),
        "/health/live": _get(
            "operations", "Is the process alive?", _ok("Yes", _ref("Live"), {"status": "alive"})
        ),
        "/health/ready": _get(
            "operations",
            "Can it answer listeners?",
            _ok(
                "Yes; `degraded` while it answers popular tracks without Redis. That is no reason "
                "to take it out of service: the others would be in the same place.",
                _ref("Ready"),
                {"status": "ready", "reasons": []},
            ),
            {
                "503": _answer(
                    "No: no worker answers.",
                    _ref("Ready"),
                    {"status": "away", "reasons": ["worker 1 is starting"]},
                )
            },
        ),
        "/openapi.json": _get(
            "documentation",
            "This document",
            _ok("OpenAPI 3.1", {"type": "object"}, {"openapi": "3.1.0"}),
        ),
        "/docs": _get(
            "documentation",
            "This document for people, with forms to try it",
            _text("text/html", "A page that loads nothing from other hosts", "<!doctype html>"),
        ),
    }


def _schemas(n_tracks: int) -> Json:
    track = {"type": "integer", "minimum": 0, "maximum": n_tracks - 1}
    user = _NATURAL | {"maximum": MAX_USER, "description": "10^30 is a user, too."}
    text = {"type": "string"}
    count = {"type": "integer", "minimum": 0}
    return {
        "Play": _object(
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
        "Next": _object({"user": user, "track": {**track, "description": "To play next."}}),
        "Last": _object({"user": user}),
        "Track": _object(
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
        "Hello": _object({"status": {"const": "alive"}, "message": text}),
        "Experiments": _object({"experiments": {"type": "array", "items": _EXPERIMENT}}),
        "Live": _object({"status": {"const": "alive"}}),
        "Ready": _object({"status": {"enum": ["ready", "degraded", "away"]}, "reasons": _REASONS}),
        "Health": _object(
            {
                "status": {"enum": ["ok", "bad"]},
                "reasons": _REASONS,
                "warnings": {**_REASONS, "description": "What is wrong but harms no answer."},
                "workers": _object({"serving": count, "configured": count}),
            },
            optional=("reasons", "warnings", "workers"),
            description="`workers` if some do not answer, and always from the parent process.",
        ),
        "Error": _object({"message": {**text, "description": "What is wrong."}}),
    }


def _forced(experiments: Sequence[Mapping[str, Any]]) -> list[Json]:
    """The header that forces treatments; none without experiments."""
    if not experiments:
        return []
    one = [f"{re.escape(e['name'])}=({'|'.join(e['treatments'])})" for e in experiments]
    # Each at most once: any of them, and then any of those after it.
    some = (
        first + "".join(f"(, ?{later})?" for later in one[place:])
        for place, first in enumerate(one, 1)
    )
    first = experiments[0]
    return [
        {
            "name": "X-Botify-Experiments",
            "in": "header",
            "description": (
                "For tests: treatments for this request instead of the user's own, in any order, "
                "separated by commas."
            ),
            "schema": {"type": "string", "pattern": f"^({'|'.join(some)})$"},
            "example": f"{first['name']}={next(iter(first['treatments']))}",
        }
    ]


def _path(name: str, description: str, largest: int | None = None) -> Json:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": _NATURAL | ({} if largest is None else {"maximum": largest}),
        "example": 7,
    }


def _get(tag: str, summary: str, ok: Json, errors: Json | None = None, **more: Any) -> Json:
    return {
        "get": {"tags": [tag], "summary": summary, **more, "responses": _responses(ok, errors)}
    }


def _responses(ok: Json, errors: Json | None) -> Json:
    return {
        **ok,
        "403": _error(
            "The page's origin, or the host name of the service, is not allowed.",
            "pages of http://a.example may not use this service",
        ),
        **(errors or {}),
        "405": _error("Another method.", "/ does not allow PUT: use GET"),
    }


def _ok(description: str, schema: Json, example: object) -> Json:
    return {"200": _answer(description, schema, example)}


def _text(kind: str, description: str, example: str) -> Json:
    content = {kind: {"schema": {"type": "string"}, "example": example}}
    return {"200": {"description": description, "content": content}}


def _error(description: str, message: str) -> Json:
    return _answer(description, _ref("Error"), {"message": message})


def _answer(description: str, schema: Json, example: object) -> Json:
    content = {"application/json": {"schema": schema, "example": example}}
    return {"description": description, "content": content}


def _object(fields: Json, optional: Sequence[str] = (), description: str = "") -> Json:
    schema: Json = {
        "type": "object",
        "properties": fields,
        "required": [name for name in fields if name not in optional],
    }
    return {**schema, "description": description} if description else schema


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


_NATURAL: Json = {"type": "integer", "minimum": 0}
_USER = _path("user", f"Known or not, of up to {MAX_USER_DIGITS} digits.", MAX_USER)
_HELLO = {"status": "alive", "message": "botify answers POST /next/<user>"}
_REASONS: Json = {"type": "array", "items": {"type": "string"}}
_EXPERIMENT = _object(
    {
        "name": {"type": "string"},
        "treatments": {
            "type": "object",
            "additionalProperties": {"type": ["string", "null"]},
            "description": "The recommender of each; null leaves the choice to those below.",
        },
        "weights": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}},
        "salt": {"type": "string", "description": "What the split of the users hashes."},
        "layer": {"type": ["string", "null"], "description": "No user is in two of one layer."},
        "share": {
            "type": "integer",
            "minimum": 1,
            "maximum": 100,
            "description": "Percent of all users that take part.",
        },
        "decides": {
            "type": "boolean",
            "description": "Whether it can affect which recommender answers.",
        },
    }
)
_EXPERIMENTS = {
    "experiments": [
        {
            "name": "DAE_VS_CONTEXTUAL",
            "treatments": {"C": "contextual", "T1": "dae"},
            "weights": {"C": 1, "T1": 1},
            "salt": "DAE_VS_CONTEXTUAL",
            "layer": None,
            "share": 100,
            "decides": True,
        }
    ]
}
