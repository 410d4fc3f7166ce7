"""The routes of the shop face that write, and those of visitors' events, as OpenAPI 3.1."""

from collections.abc import Sequence

from botify.api.openapi_parts import Json, error, get, object_schema, ok, ref, responses
from botify.shop.event_request import MAX_EVENTS
from botify.shop.item_intake import MAX_CHANGES, MAX_FIELDS, MAX_NAME

_TEXT: Json = {"type": "string"}
_FULL = error("The disk is full.", "the disk does not take it: No space left on device")
_NO_KEY = error(
    "The request has none of the keys that the config wants.",
    "this route needs one of the service's keys, as Authorization: Bearer KEY",
)
_SIZES: Json = {
    "408": error("The body did not come in time; the connection is closed.", "too late"),
    "413": error("The body is too large.", "the body is larger than 8,388,608 bytes"),
    "415": error(
        "A page of a browser sent its body as a form or as text.",
        "pages must send JSON as Content-Type: application/json",
    ),
}
_EVENT = {"user": "anna", "item": "sku-1", "event": "addtocart", "id": "5f0c"}


def writing_paths(text_id: Json, count: Json) -> Json:
    """Paths; ids and counts are such in the query and in paths."""
    user, item = (_parameter("path", name, text_id) for name in ("user", "item"))
    user_id, item_id = (_parameter("query", f"{name}_id", text_id) for name in ("user", "item"))
    k = _parameter("query", "k", count, required=False)
    wrong = error("The first event that is wrong; none was taken.", "event 3 of 9: `user` is ...")
    conflict = error(
        "An id is that of another event; none was taken.", "the id 'a1' is that of ..."
    )
    unknown = error("There is no such item.", "there is no item 'sku-7'")
    unavailable = error("Redis is unavailable.", "Redis is unavailable; try again")
    bad_id = error("The id is malformed.", "an item must be UTF-8")
    missing = error("A parameter is missing or malformed.", "`user_id` is missing")
    events = [{"item": "sku-1", "event": "view", "timestamp": 1_790_000_000_000}]
    return {
        "/events": _post(
            "What visitors did: one event, or a list",
            ok(
                "They are in the log, and known to the next answer",
                ref("Taken"),
                {"accepted": 1, "repeated": 0, "unknown_items": 0, "ahead": 0},
            ),
            {"400": wrong, "401": _NO_KEY, "409": conflict, **_SIZES, "503": _FULL},
            requestBody=_body("Event", MAX_EVENTS, _EVENT),
        ),
        "/events/{user}": get(
            "events",
            "What a visitor did last, newest first",
            ok("The events", ref("VisitorEvents"), {"user": "anna", "events": events}),
            {"400": bad_id, "404": error("No user is named.", "there is no /events/")},
            parameters=[user, k],
        ),
        "/put": _post(
            "A view, by the query alone",
            ok("It is in the log", ref("Result"), {"result": "ok"}),
            {"400": missing, "401": _NO_KEY, "503": _FULL},
            parameters=[user_id, item_id],
        ),
        "/get": _post(
            "The items of a visitor's last events, newest first",
            ok("The items", ref("LastItems"), {"events": [17, 4]}),
            {"400": missing},
            parameters=[user_id, k],
        ),
        "/items": _post(
            "What changed of items: one, or a list",
            ok("It is kept, and in effect with the next answer", ref("Changed"), _CHANGED),
            {
                "400": error(
                    "The first item that is wrong; none was taken.", "`price` must be ..."
                ),
                "401": _NO_KEY,
                **_SIZES,
                "503": _FULL,
            },
            requestBody=_body("Change", MAX_CHANGES, {"item": "sku-1", "available": False}),
        ),
        "/items/{item}": {
            **get(
                "items",
                "An item, as in items.json, with what was changed since",
                ok("The item", ref("Item"), {"item": "sku-1", "title": "A lamp", "price": 9.5}),
                {"400": bad_id, "404": unknown, "503": unavailable},
                parameters=[item],
            ),
            "delete": {
                "tags": ["events"],
                "summary": "Do not answer an item any more, until it is posted again",
                "parameters": [item],
                "responses": responses(
                    ok("It is gone", ref("Deleted"), {"item": "sku-1", "applied": True}),
                    {"400": bad_id, "401": _NO_KEY, "404": unknown, "503": _FULL},
                ),
            },
        },
    }


def writing_schemas(text_id: Json, kinds: Sequence[str]) -> Json:
    """Schemas that the paths refer to."""
    id_or_number: Json = {"anyOf": [text_id, {"type": "integer"}]}
    own: Json = {"anyOf": [text_id, {"type": "integer"}, {"type": "null"}]}
    number: Json = {"type": ["number", "null"]}
    count: Json = {"type": "integer", "minimum": 0}
    flag: Json = {"type": ["boolean", "null"]}
    price: Json = {"type": ["number", "null"], "minimum": 0}
    event = {
        "user": id_or_number,
        "item": id_or_number,
        "event": {"enum": list(kinds), "description": "The kind."},
        "timestamp": {
            "type": ["integer", "null"],
            "minimum": 10**11,
            "exclusiveMaximum": 10**14,
            "description": "In ms since 1970; now, if it is absent or lies in the future.",
        },
        "id": {
            **own,
            "description": "Made by the client, once: a retry is then not taken twice.",
        },
        "session": own,
        "request": {**own, "description": "Id of the answer that the event follows."},
        "transaction": {**own, "description": "Id of the order."},
        "value": number,
        "price": price,
        "quantity": {"type": ["number", "null"], "exclusiveMinimum": 0},
    }
    change = {
        "item": id_or_number,
        "title": {"type": ["string", "null"]},
        "category": own,
        "price": price,
        "available": flag,
        "hidden": flag,
    }
    last = object_schema(
        {"item": ref("Id"), "event": _TEXT, "timestamp": {"type": "integer"}},
    )
    partial = {"const": True, "description": "Redis is away, which has the older ones."}
    applied = {"type": "boolean", "description": "false: when Redis is back."}
    return {
        "Event": object_schema(event, optional=tuple(event)[3:]) | {"additionalProperties": False},
        "Taken": object_schema(
            {
                "accepted": count,
                "repeated": {**count, "description": "Their ids had been taken before."},
                "unknown_items": {
                    "type": ["integer", "null"],
                    "description": "Of items that the catalog does not have; null: not known.",
                },
                "ahead": {**count, "description": "Of a time in the future, which is not kept."},
            }
        ),
        "VisitorEvents": object_schema(
            {"user": ref("Id"), "events": {"type": "array", "items": last}, "partial": partial},
            optional=("partial",),
        ),
        "LastItems": object_schema(
            {
                "events": {"type": "array", "items": {"type": ["string", "integer"]}},
                "partial": partial,
            },
            optional=("partial",),
        ),
        "Result": object_schema({"result": {"const": "ok"}}),
        "Change": object_schema(change, optional=tuple(change)[1:])
        | {
            "propertyNames": {**text_id, "maxLength": MAX_NAME},
            "maxProperties": MAX_FIELDS,
            "description": "Other keys are the shop's own.",
        },
        "Changed": object_schema({"accepted": count, "applied": applied}),
        "Deleted": object_schema({"item": ref("Id"), "applied": applied}),
    }


_CHANGED = {"accepted": 1, "applied": True}


def _post(summary: str, good: Json, errors: Json, **more: object) -> Json:
    answers = responses(good, errors)
    return {"post": {"tags": ["events"], "summary": summary, **more, "responses": answers}}


def _body(schema: str, most: int, example: Json) -> Json:
    several = {"type": "array", "items": ref(schema), "maxItems": most}
    content = {"schema": {"anyOf": [ref(schema), several]}, "example": example}
    return {"required": True, "content": {"application/json": content}}


def _parameter(place: str, name: str, schema: Json, required: bool = True) -> Json:
    example = 5 if name == "k" else "anna" if name.startswith("user") else "sku-1"
    described = {"name": name, "in": place, "required": required, "schema": schema}
    return {**described, "example": example}
