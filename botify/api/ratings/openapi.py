"""The routes of the ratings face as an OpenAPI 3.1 document."""

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
from botify.ratings.request import DEFAULT_N, DEFAULT_TOP, DEFAULT_USER, MAX_N, MAX_RATINGS


def ratings_document(
    experiments: Sequence[Mapping[str, Any]],
    forcing: bool,
    scale: tuple[float, float] | None = None,
    numbered: bool = False,
) -> Json:
    """The document of a service with these experiments (`Experiments.describe`).

    `forcing`: whether a header may force treatments. `scale`: which ratings every model that is
    served takes; None where it is not known, or one takes none. `numbered`: whether all of their
    users are whole numbers.
    """
    about = (
        "Recommends what a user has not rated, with predicted ratings, by the ids that the data's "
        "owner gave users and items.\n\n"
        "An id is a text; a JSON number stands for its decimal text. A user that the model does "
        "not know gets popular items with their mean ratings, marked `cold`; while the store of "
        "users is unavailable everybody does, marked `fallback`.\n\n"
        "Every error is JSON with a `message`."
    )
    tags = [{"name": "ratings", "description": "What clients call."}]
    user = {**TEXT_ID, "pattern": "^[0-9]+$"} if numbered else TEXT_ID
    paths = _paths(forced_header(experiments) if forcing else [], user)
    return document_of(about, tags, paths, _schemas(scale, user))


def _paths(forced: list[Json], user: Json) -> Json:
    wrong = error(
        "A parameter is missing, unknown or malformed"
        + (", or the header asks for what does not run." if forced else "."),
        f"`n_recos` must be an integer from 1 to {MAX_N:,}",
    )
    away = error("Nothing is published yet.", "no recommendations yet: nothing is published")
    sizes = {
        "408": error("The body did not come in time; the connection is closed.", "too late"),
        "413": error("The body is too large.", "the body is larger than 65,536 bytes"),
        "415": error(
            "A page of a browser sent its body as a form or as text.",
            "pages must send JSON as Content-Type: application/json",
        ),
    }
    answer = ok("The items, best first", ref("Reco"), _RECO)
    parameters = [_query("UsrID", user, "40"), _query("n_recos", _count(DEFAULT_N), 5), *forced]
    example = {"UsrID": 40, "n_recos": 5, "ratings": {"2571": 5, "1": 3.5}}
    body = {"application/json": {"schema": ref("Request"), "example": example}}
    reco = {
        "get": {
            "tags": ["ratings"],
            "summary": "Items for a user, with predicted ratings",
            "description": "The parameters may also come in the body, as a form or as JSON.",
            "parameters": [{**parameters[0], "required": True}, *parameters[1:]],
            "responses": responses(answer, {"400": wrong, "503": away}),
        },
        "post": {
            "tags": ["ratings"],
            "summary": "The same for a user with ratings of this moment",
            "parameters": forced,
            "requestBody": {"required": True, "content": body},
            "responses": responses(answer, {"400": wrong, "503": away, **sizes}),
        },
    }
    page = {"text/html": {"schema": {"type": "string"}, "example": "<!doctype html>"}}
    recs = get(
        "ratings",
        "The same as a page, with what the user liked and why each item is there",
        ok("A page; JSON for `Accept: application/json`", ref("Recs"), _RECS),
        {"400": _also(wrong, page), "503": _also(away, page)},
        parameters=[
            _query("user_id", {**user, "default": DEFAULT_USER}, "10"),
            _query("top", _count(DEFAULT_TOP), 15),
            *forced,
        ],
    )
    recs["get"]["responses"]["200"] = _also(recs["get"]["responses"]["200"], page)
    root = get(
        "ratings",
        "Is the service there? To a browser, a welcome page",
        ok("Alive", ref("Hello"), _HELLO),
    )
    root["get"]["responses"]["200"] = _also(root["get"]["responses"]["200"], page)
    bad_user = error("The id is malformed, or the query has parameters.", "a user must be UTF-8")
    assignment = get(
        "ratings",
        "The treatment of a user in each experiment",
        ok("By experiment", ref("Assignment"), {"SVD_VS_NSVD": "T1"}),
        {"400": bad_user, "404": error("No user is named.", "there is no /experiments/")},
        parameters=[{"name": "user", "in": "path", "required": True, "schema": TEXT_ID}],
    )
    return {"/": root, "/reco": reco, "/recs": recs, "/experiments/{user}": assignment}


def _schemas(scale: tuple[float, float] | None, user: Json) -> Json:
    rating: Json = {"type": "number"}
    version: Json = {"type": "string", "description": "Of the publication that was read."}
    given_rating = (
        rating if scale is None else {**rating, "minimum": scale[0], "maximum": scale[1]}
    )
    marks: Json = {
        "cold": {"type": "boolean", "description": "The model does not know the user."},
        "fallback": {"type": "boolean", "description": "The store of users is unavailable."},
    }
    rated = {"item": ref("Id"), "title": {"type": "string"}, "year": {"type": _YEAR_TYPES}}
    given = {**rated, "rating": {"type": ["number", "null"]}}
    ids: Json = {"type": "array", "items": ref("Id")}
    whole = {"type": "integer"} if user is TEXT_ID else {"type": "integer", "minimum": 0}
    number_or_text: Json = {"anyOf": [user, whole]}
    return {
        "Assignment": {"type": "object", "additionalProperties": {"type": "string"}},
        "Id": {**TEXT_ID, "examples": ["2571"]},
        "Request": object_schema(
            {
                "UsrID": number_or_text,
                "n_recos": {**_count(DEFAULT_N), "type": ["integer", "null"]},
                "ratings": {
                    "type": ["object", "null"],
                    "maxProperties": MAX_RATINGS,
                    "propertyNames": TEXT_ID,
                    "additionalProperties": given_rating,
                    "description": (
                        "What the user says now, by item, on the scale of the model: it counts "
                        "for this answer together with what is known, and is not stored."
                    ),
                },
            },
            optional=("n_recos", "ratings"),
        )
        | {"additionalProperties": False},
        "Reco": object_schema(
            {
                "labels": {"type": "array", "items": {"type": "string"}},
                "ratings": {"type": "array", "items": rating},
                "items": ids,
                "user": ref("Id"),
                "model_version": version,
                **marks,
                "unknown_items": {**ids, "description": "Rated in the request, but not known."},
                "message": {"type": "string", "description": "Why there are no items."},
            },
            optional=("cold", "fallback", "unknown_items", "message"),
        ),
        "Recs": object_schema(
            {
                "user": ref("Id"),
                "recommendations": {
                    "type": "array",
                    "items": object_schema(
                        {
                            **rated,
                            "genres": {"type": "array", "items": {"type": "string"}},
                            "rating": rating,
                            "because": {"type": "array", "items": object_schema(given)},
                        }
                    ),
                },
                "liked": {"type": "array", "items": object_schema(given)},
                "n_rated": {"type": "integer", "minimum": 0},
                **marks,
                "recommender": {"type": "string"},
                "model_version": version,
            }
        ),
    }


def _count(default: int) -> Json:
    return {"type": "integer", "minimum": 1, "maximum": MAX_N, "default": default}


def _query(name: str, schema: Json, example: object) -> Json:
    return {"name": name, "in": "query", "schema": schema, "example": example}


def _also(answer: Json, content: Json) -> Json:
    return {**answer, "content": {**answer["content"], **content}}


_YEAR_TYPES = ["integer", "string", "number", "null"]
_HELLO = {"status": "alive", "message": "botify answers GET /reco?UsrID=40&n_recos=5"}
_RECO = {
    "labels": ["The Matrix (1999)"],
    "ratings": [4.61],
    "items": ["2571"],
    "user": "40",
    "model_version": "0f3a5b7c9d1e2f40",
}
_RECS = {
    "user": "10",
    "recommendations": [
        {
            "item": "2571",
            "title": "The Matrix",
            "year": 1999,
            "genres": ["Action", "Sci-Fi"],
            "rating": 4.61,
            "because": [{"item": "1240", "title": "The Terminator", "year": 1984, "rating": 5.0}],
        }
    ],
    "liked": [{"item": "1240", "title": "The Terminator", "year": 1984, "rating": 5.0}],
    "n_rated": 140,
    "cold": False,
    "fallback": False,
    "recommender": "svd",
    "model_version": "0f3a5b7c9d1e2f40",
}
