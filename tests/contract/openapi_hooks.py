"""What schemathesis does to each request before it is sent."""

from typing import Any

import schemathesis


@schemathesis.hook
def before_call(_: schemathesis.HookContext, case: schemathesis.Case, __: dict[str, Any]) -> None:
    """Write what JSON Schema takes for the same, or cannot tell, as the service wants it.

    7.0 is an integer to JSON Schema, but not a track to the service.
    """
    if not isinstance(case.body, dict):
        return
    changed = {}
    if _is_whole(case.body.get("track")):
        changed["track"] = int(case.body["track"])
    if isinstance(case.body.get("exclude"), list):
        changed["exclude"] = [int(t) if _is_whole(t) else t for t in case.body["exclude"]]
    price = case.body.get("price")
    if isinstance(price, dict) and all(isinstance(bound, int | float) for bound in price.values()):
        bounds = price.keys() == {"min", "max"}
        if bounds and price["min"] > price["max"]:  # which JSON Schema cannot say
            changed["price"] = {"min": price["max"], "max": price["min"]}
    if changed:
        case.body = {**case.body, **changed}


def _is_whole(value: object) -> bool:
    return isinstance(value, float) and value.is_integer()
