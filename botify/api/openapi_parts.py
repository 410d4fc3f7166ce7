"""What the OpenAPI documents of all faces share: operations, errors, and how they are written."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from botify.version import VERSION
from contract.ids import MAX_ID_CHARACTERS

Json = dict[str, Any]
# Without control characters, and the character that stands for bytes that are no UTF-8.
_PATTERN = r"^[^\u0000-\u001f\u007f-\u009f\ufffd]+$"
TEXT_ID: Json = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_ID_CHARACTERS,
    "pattern": _PATTERN,
}
"""An id as its owner gave it."""


def document_of(about: str, tags: list[Json], paths: Json, schemas: Json) -> Json:
    """The document: the face's own tags, paths and schemas, and the shared ones."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "botify",
            "version": VERSION,
            "license": {"name": "MIT", "identifier": "MIT"},
            "description": about,
        },
        "tags": [
            *tags,
            {"name": "operations", "description": "Experiments, health and metrics."},
            {"name": "documentation", "description": "This document."},
        ],
        "paths": paths | _operations_paths(),
        "components": {"schemas": schemas | _operations_schemas()},
    }


def _operations_paths() -> Json:
    return {
        "/experiments": get(
            "operations",
            "The experiments that run",
            ok("In the order in which they decide", ref("Experiments"), _EXPERIMENTS),
        ),
        "/metrics": get(
            "operations",
            "Figures for Prometheus, of all workers together",
            text_answer("text/plain", "Prometheus' text format", "botify_redis_up 1.0\n"),
        ),
        "/health": get(
            "operations",
            "Does a person have to look at it?",
            ok("No", ref("Health"), {"status": "ok"}),
            {
                "503": answer(
                    "Yes: Redis is unavailable, lists are missing or were refused, events cannot "
                    "be written or were lost, the log's disk is nearly full, or workers do not "
                    "answer.",
                    ref("Health"),
                    {"status": "bad", "reasons": ["3 events were lost"]},
                )
            },
        ),
        "/health/live": get(
            "operations", "Is the process alive?", ok("Yes", ref("Live"), {"status": "alive"})
        ),
        "/health/ready": get(
            "operations",
            "Can it answer listeners?",
            ok(
                "Yes; `degraded` while it answers popular ones without Redis. That is no reason "
                "to take it out of service: the others would be in the same place.",
                ref("Ready"),
                {"status": "ready", "reasons": []},
            ),
            {
                "503": answer(
                    "No: no worker answers.",
                    ref("Ready"),
                    {"status": "away", "reasons": ["worker 1 is starting"]},
                )
            },
        ),
        "/openapi.json": get(
            "documentation",
            "This document",
            ok("OpenAPI 3.1", {"type": "object"}, {"openapi": "3.1.0"}),
        ),
        "/docs": get(
            "documentation",
            "This document for people, with forms to try it",
            text_answer("text/html", "A page that needs no other host", "<!doctype html>"),
        ),
    }


def _operations_schemas() -> Json:
    text = {"type": "string"}
    count = {"type": "integer", "minimum": 0}
    return {
        "Hello": object_schema({"status": {"const": "alive"}, "message": text}),
        "Experiments": object_schema({"experiments": {"type": "array", "items": _EXPERIMENT}}),
        "Live": object_schema({"status": {"const": "alive"}}),
        "Ready": object_schema(
            {"status": {"enum": ["ready", "degraded", "away"]}, "reasons": _REASONS}
        ),
        "Health": object_schema(
            {
                "status": {"enum": ["ok", "bad"]},
                "reasons": _REASONS,
                "warnings": {**_REASONS, "description": "What is wrong but harms no answer."},
                "workers": object_schema({"serving": count, "configured": count}),
            },
            optional=("reasons", "warnings", "workers"),
            description="`workers` if some do not answer, and always from the parent process.",
        ),
        "Error": object_schema({"message": {**text, "description": "What is wrong."}}),
    }


def forced_header(experiments: Sequence[Mapping[str, Any]]) -> list[Json]:
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


def get(tag: str, summary: str, ok: Json, errors: Json | None = None, **more: Any) -> Json:
    return {"get": {"tags": [tag], "summary": summary, **more, "responses": responses(ok, errors)}}


def responses(ok: Json, errors: Json | None) -> Json:
    return {
        **ok,
        "403": error(
            "The page's origin, or the host name of the service, is not allowed.",
            "pages of http://a.example may not use this service",
        ),
        **(errors or {}),
        "405": error("Another method.", "/ does not allow PUT: use GET"),
    }


def ok(description: str, schema: Json, example: object) -> Json:
    return {"200": answer(description, schema, example)}


def text_answer(kind: str, description: str, example: str) -> Json:
    content = {kind: {"schema": {"type": "string"}, "example": example}}
    return {"200": {"description": description, "content": content}}


def error(description: str, message: str) -> Json:
    return answer(description, ref("Error"), {"message": message})


def answer(description: str, schema: Json, example: object) -> Json:
    content = {"application/json": {"schema": schema, "example": example}}
    return {"description": description, "content": content}


def object_schema(fields: Json, optional: Sequence[str] = (), description: str = "") -> Json:
    schema: Json = {
        "type": "object",
        "properties": fields,
        "required": [name for name in fields if name not in optional],
    }
    return {**schema, "description": description} if description else schema


def ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


NATURAL: Json = {"type": "integer", "minimum": 0}
_REASONS: Json = {"type": "array", "items": {"type": "string"}}
_EXPERIMENT = object_schema(
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
