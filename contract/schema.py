"""JSON Schemas (draft 2020-12) of what writers must write; readers take more than they say.

Readers also take `133.0` for 133 and NaN for null, as other programs write them.
"""

import json
from importlib.resources import files
from typing import Any

SCHEMAS = (
    "catalog",
    "event",
    "factors",
    "factors_active",
    "item_neighbours",
    "item_recommendations",
    "items",
    "model",
    "neighbours",
    "popular",
    "reco",
    "recommend",
    "recommendations",
    "session_model",
    "top_tracks",
    "users",
)


def json_schema(name: str) -> dict[str, Any]:
    """The schema `schemas/<name>.json`: of a line where the file is JSON Lines, else of it all."""
    text = files("contract").joinpath("schemas", f"{name}.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema
