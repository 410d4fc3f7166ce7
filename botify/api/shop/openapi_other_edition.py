"""The routes that services of another edition have, for the OpenAPI document."""

from botify.api.openapi_parts import Json, error, object_schema, ok, ref, responses
from botify.api.shop.other_edition import DEFAULT_SIMILAR


def other_edition_paths(text_id: Json, count: Json) -> Json:
    """`text_id`, `count`: schemas of an id and of `k`."""
    wrong = error("A parameter is missing, unknown or malformed.", "`user_id` is missing")
    absent = error("The config has no lists for it.", "this service has no neighbours of items")
    away = error("Redis is unavailable.", "Redis is unavailable; try again")

    def post(summary: str, key: str, k: Json, answer: Json, others: Json) -> Json:
        parameters = [
            {"name": key, "in": "query", "required": True, "schema": text_id, "example": "1"},
            {"name": "k", "in": "query", "required": False, "schema": k, "example": 5},
        ]
        return {
            "post": {
                "tags": ["items"],
                "summary": summary,
                "parameters": parameters,
                "responses": responses(answer, {"400": wrong, **others}),
            }
        }

    similar = ok("Items and scores", ref("SimilarItems"), {"item_id_sim": [2], "score": [0.5]})
    example = {
        "recs": [2, 9],
        "request": "5d3c0a9be1f24c5f8d8f6b0f0a4c7e21",
        "sources": ["recommendations_offline", "popular"],
        "roles": ["discovery", "discovery"],
        "because": [None, None],
        "model_version": "0f3a5b7c9d1e",
    }
    recs = ok("The items", ref("Recommendations"), example)
    of_similar: Json = {**count, "default": DEFAULT_SIMILAR}
    return {
        "/similar_items": post(
            "Neighbours of an item, as another edition asks",
            "item_id",
            of_similar,
            similar,
            {"404": absent, "503": away},
        ),
        "/recommendations_offline": post(
            "A user's list, as another edition asks", "user_id", count, recs, {"404": absent}
        ),
        "/recommendations_online": post(
            "Neighbours of what a user saw last, as another edition asks",
            "user_id",
            count,
            recs,
            {"404": absent},
        ),
    }


def other_edition_schemas() -> Json:
    """What only these routes answer."""
    score: Json = {"type": ["number", "null"]}
    items: Json = {"type": "array", "items": {"anyOf": [ref("Id"), {"type": "integer"}]}}
    return {
        "SimilarItems": object_schema(
            {"item_id_sim": items, "score": {"type": "array", "items": score}}
        )
    }
