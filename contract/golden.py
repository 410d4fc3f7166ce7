"""Golden cases: what every implementation of a format, in whatever language, must give."""

import json
from importlib.resources import files
from typing import Any

NAMES = (
    "bucketing",
    "catalogs",
    "chains",
    "events",
    "ids",
    "lists",
    "timestamps",
    "units",
    "users",
)


def golden_cases(name: str) -> list[dict[str, Any]]:
    """The cases of `vectors/<name>.json`; `about`, its first entry, says what they are.

    Integers beyond 64 bits and NaN stand in them as Python's json module writes them.
    """
    text = files("contract").joinpath("vectors", f"{name}.json").read_text(encoding="utf-8")
    cases: list[dict[str, Any]] = json.loads(text)["cases"]
    return cases
