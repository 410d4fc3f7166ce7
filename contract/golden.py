"""Golden cases: inputs with the result that every implementation, in any language, must give."""

import json
from importlib.resources import files
from typing import Any

NAMES = (
    "bucketing",
    "catalogs",
    "chains",
    "events",
    "factors",
    "ids",
    "item_lists",
    "lists",
    "owner_ids",
    "timestamps",
    "units",
    "users",
)


def golden_cases(name: str) -> list[dict[str, Any]]:
    """The cases of `vectors/<name>.json`; its key `about` describes them.

    Integers beyond 64 bits and NaN are written as Python's json module does.
    """
    text = files("contract").joinpath("vectors", f"{name}.json").read_text(encoding="utf-8")
    cases: list[dict[str, Any]] = json.loads(text)["cases"]
    return cases
