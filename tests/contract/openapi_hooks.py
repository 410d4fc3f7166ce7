"""What schemathesis does to each request before it is sent."""

from typing import Any

import schemathesis


@schemathesis.hook
def before_call(_: schemathesis.HookContext, case: schemathesis.Case, __: dict[str, Any]) -> None:
    """Write tracks without a point: 7.0 is an integer to JSON Schema, but not to the service."""
    if not isinstance(case.body, dict):
        return
    changed = {}
    if _is_whole(case.body.get("track")):
        changed["track"] = int(case.body["track"])
    if isinstance(case.body.get("exclude"), list):
        changed["exclude"] = [int(t) if _is_whole(t) else t for t in case.body["exclude"]]
    if changed:
        case.body = {**case.body, **changed}


def _is_whole(value: object) -> bool:
    return isinstance(value, float) and value.is_integer()
