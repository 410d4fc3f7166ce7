"""The routes of the shop face as an OpenAPI 3.1 document."""

from collections.abc import Mapping, Sequence
from typing import Any

from botify.api.openapi_parts import (
    TEXT_ID,
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
from botify.api.shop.openapi_other_edition import other_edition_paths, other_edition_schemas
from botify.api.shop.openapi_writing import writing_paths, writing_schemas
from botify.api.shop.owner_page import DAYS
from botify.config import MAX_EXCLUDED
from botify.shop.request import DEFAULT_K, MAX_CATEGORIES, MAX_SEEDS
from contract.item_lists import MAX_ITEMS
from contract.shop_events import KINDS

COUNT: Json = {"type": "integer", "minimum": 1, "maximum": MAX_ITEMS, "default": DEFAULT_K}


def shop_document(
    experiments: Sequence[Mapping[str, Any]], forcing: bool, kinds: Sequence[str] = KINDS
) -> Json:
    """The document of a service with these experiments (`Experiments.describe`).

    `forcing`: whether a header may force treatments. `kinds`: of events that are taken.
    """
    about = (
        "Recommends items to users, by the ids that their owner gave them.\n\n"
        "An id is a text; a JSON number stands for its decimal text. A user without a list gets "
        "popular items: `sources` tells for each item where it is from, `fallback` if Redis is "
        "unavailable.\n\n"
        "Every error is JSON with a `message`. Bodies are read as JSON whatever their "
        "`Content-Type`; pages of browsers must send `application/json`, and pages of "
        "other origins get 403 unless the config allows them."
    )
    tags = [
        {"name": "items", "description": "What shops call."},
        {"name": "events", "description": "What visitors do, and what changes of items."},
    ]
    paths = _paths(forced_header(experiments) if forcing else []) | writing_paths(TEXT_ID, COUNT)
    page = {"text/html": {"schema": {"type": "string"}, "example": "<!doctype html>"}}
    for status in ("200", "400", "401"):
        paths["/shop"]["get"]["responses"][status]["content"] |= page
    schemas = _schemas() | other_edition_schemas() | writing_schemas(TEXT_ID, kinds)
    return document_of(about, tags, paths, schemas)


def _paths(forced: list[Json]) -> Json:
    answer = ok("The items", ref("Recommendations"), _RECOMMENDATIONS)
    wrong = error(
        "A parameter is missing, unknown or malformed"
        + (", or the header asks for what does not run." if forced else "."),
        "`k` must be an integer from 1 to 1,000",
    )
    parameters = [_query("user_id", TEXT_ID, required=True), _query("k", COUNT), *forced]
    body = {"application/json": {"schema": ref("Request"), "example": {"exclude": ["sku-1"]}}}
    sizes = {
        "408": error("The body did not come in time; the connection is closed.", "too late"),
        "413": error("The body is too large.", "the body is larger than 65,536 bytes"),
        "415": error(
            "A page of a browser sent its body as a form or as text.",
            "pages must send JSON as Content-Type: application/json",
        ),
    }
    recommendations = {
        "get": {
            "tags": ["items"],
            "summary": "Items for a user, best first",
            "parameters": parameters,
            "responses": responses(answer, {"400": wrong}),
        },
        "post": {
            "tags": ["items"],
            "summary": "The same, with what not to answer",
            "parameters": parameters,
            "requestBody": {"content": body},
            "responses": responses(answer, {"400": wrong, **sizes}),
        },
    }
    unknown = error("There is no such item.", "there is no item 'sku-7'")
    unavailable = error("Redis is unavailable.", "Redis is unavailable; try again")
    bad_id = error("The id is malformed.", "an item must be UTF-8")
    return {
        "/": get("items", "Is the service there?", ok("Alive", ref("Hello"), _HELLO)),
        "/recommendations": recommendations,
        "/recommendations/": recommendations,
        **other_edition_paths(TEXT_ID, COUNT),
        "/similar/{item}": get(
            "items",
            "The neighbours of an item, best first",
            ok("The neighbours; none where the item has none", ref("Similar"), _SIMILAR),
            {"400": bad_id, "404": unknown, "503": unavailable},
            parameters=[_path("item"), _query("k", COUNT)],
        ),
        "/shop": get(
            "items",
            "The owner's page: figures of the log, and what a visitor would be shown",
            ok("A page; JSON for `Accept: application/json`", {"type": "object"}, {"days": 7}),
            {
                "400": error(
                    "A parameter is unknown or malformed.", "`days` must be one of 1, 7, 28"
                ),
                "401": error(
                    "No key, as Bearer or as the password of Basic.",
                    "this page needs one of the service's keys",
                ),
            },
            parameters=[
                _query("days", {"type": "integer", "enum": [*DAYS], "default": DAYS[1]}),
                _query("user", TEXT_ID),
                _query("k", COUNT),
            ],
        ),
        "/experiments/{user}": get(
            "items",
            "The treatment of a user in each experiment",
            ok("By experiment", ref("Assignment"), {"ALS_VS_DAE": "T1"}),
            {"400": bad_id, "404": error("No user is named.", "there is no /experiments/")},
            parameters=[_path("user")],
        ),
    }


def _schemas() -> Json:
    ids: Json = {"type": "array", "items": ref("Id")}
    score: Json = {"type": ["number", "null"]}
    scores: Json = {"type": "array", "items": score, "description": "null: the list has none."}
    version: Json = {"type": ["string", "null"], "description": "Of the list that was read."}
    text: Json = {"type": "string"}
    id_or_number: Json = {"anyOf": [TEXT_ID, {"type": "integer"}]}
    recs: Json = {
        "type": "array",
        "items": {"anyOf": [ref("Id"), {"type": "integer"}]},
        "description": "A POST without a body is answered with integers where ids are such.",
    }
    asked: Json = {"type": ["array", "null"], "items": id_or_number}
    return {
        "Id": {**TEXT_ID, "examples": ["sku-1"]},
        "Request": object_schema(
            {
                "exclude": {
                    **asked,
                    "maxItems": MAX_EXCLUDED,
                    "description": "Items not to answer this time.",
                },
                "items": {
                    **asked,
                    "maxItems": MAX_SEEDS,
                    "description": (
                        "Items that the user looks at, for recommenders of similar ones; they are "
                        "not answered."
                    ),
                },
                "category": {
                    "anyOf": [
                        *id_or_number["anyOf"],
                        {"type": "null"},
                        {
                            "type": "array",
                            "items": id_or_number,
                            "minItems": 1,
                            "maxItems": MAX_CATEGORIES,
                        },
                    ],
                    "description": "Only items of these categories, and of those below them.",
                },
                "price": {
                    "type": ["object", "null"],
                    "minProperties": 1,
                    "properties": {"min": _BOUND, "max": _BOUND},
                    "additionalProperties": False,
                    "description": "Only items whose price is known and inside.",
                },
                "reminders": {
                    **_FLAG,
                    "description": "Whether items may be there that the user has seen before.",
                },
                "discoveries": {**_FLAG, "description": "Whether others may."},
                "session": {
                    "description": "Is logged.",
                    "anyOf": [*id_or_number["anyOf"], {"type": "null"}],
                },
            },
            optional=(
                *("exclude", "items", "session"),
                *("category", "price", "reminders", "discoveries"),
            ),
            description=(
                "`user_id` and `k` may be here instead of in the query. Other fields are refused."
            ),
        )
        | {"additionalProperties": False},
        "Recommendations": object_schema(
            {
                "recs": recs,
                "request": {"type": "string", "description": "Id of this answer, as logged."},
                "sources": {
                    "type": "array",
                    "items": text,
                    "description": (
                        "Of each item: the recommender, or the list that a blend has it from; "
                        "`reminders`, `popular`, or `fallback`."
                    ),
                },
                "roles": {
                    "type": "array",
                    "items": {"enum": ["reminder", "discovery", None]},
                    "description": "Of each item: has the user seen it? null: not known.",
                },
                "because": {
                    "type": "array",
                    "items": {"anyOf": [ref("Id"), {"type": "null"}]},
                    "description": "Of each item: what it is similar to, or itself.",
                },
                "model_version": version,
            }
        ),
        "Similar": object_schema(
            {"item": ref("Id"), "items": ids, "scores": scores, "model_version": version}
        ),
        "Item": object_schema(
            {"item": ref("Id"), "title": {"type": ["string", "null"]}},
            optional=("title",),
            description="And what else items.json, or `POST /items`, says of it.",
        ),
        "Assignment": {"type": "object", "additionalProperties": text},
    }


def _query(name: str, schema: Json, required: bool = False) -> Json:
    example = schema.get("default", 5) if schema["type"] == "integer" else "anna"
    described = {"name": name, "in": "query", "required": required, "schema": schema}
    return {**described, "example": example}


def _path(name: str) -> Json:
    example = "anna" if name == "user" else "sku-1"
    return {"name": name, "in": "path", "required": True, "schema": TEXT_ID, "example": example}


_BOUND: Json = {"type": ["number", "null"], "minimum": 0}
_FLAG: Json = {"type": ["boolean", "null"], "default": True}
_HELLO = {
    "status": "alive",
    "message": "botify answers GET /recommendations/?user_id=1&k=5",
}
_RECOMMENDATIONS = {
    "recs": ["sku-2", "sku-9"],
    "request": "5d3c0a9be1f24c5f8d8f6b0f0a4c7e21",
    "sources": ["recommendations", "popular"],
    "roles": ["discovery", "discovery"],
    "because": [None, None],
    "model_version": "0f3a5b7c9d1e",
}
_SIMILAR = {
    "item": "sku-1",
    "items": ["sku-2"],
    "scores": [0.83],
    "model_version": "0f3a5b7c9d1e",
}
