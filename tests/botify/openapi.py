"""What the OpenAPI documents of all faces have in common."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from flask import Flask


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and description of each."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def check_routes(app: Flask, document: Mapping[str, Any]) -> None:
    """Every route of the app is described, and nothing else."""
    routes = {
        (re.sub(r"<\w+:(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert {(path, method) for path, method, _ in operations(document)} == routes
