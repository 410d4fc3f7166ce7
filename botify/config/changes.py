"""A config file that was changed while the service runs: what can take effect, and what cannot."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from botify.config.load import problems_of
from botify.config.service import ServiceConfig
from botify.errors import InputError

_C = TypeVar("_C", bound=ServiceConfig)

_PASSWORD = re.compile(r"(\w://[^/@:]*:)[^/@]*@")
"""Of a URL, with what is before it."""

LIVE = ("recommenders", "experiments", "default")
"""Keys that take effect in a running service; all others do at its next start."""


def with_live_keys(running: _C, changed: Mapping[str, Any]) -> _C:
    """The running config with these values of the LIVE keys.

    Raises InputError where they need what the running service does not have, such as a list.
    """
    values = {key: getattr(running, key) for key in type(running).model_fields if key not in LIVE}
    try:
        return type(running).model_validate(values | dict(changed))
    except ValidationError as error:
        raise InputError(
            f"{problems_of(error, type(running))} in the running service; what is added to lists, "
            "neighbours or models needs a restart"
        ) from error


def live_keys(config: ServiceConfig) -> dict[str, Any]:
    """The values of the LIVE keys, with all defaults, as JSON has them."""
    return config.model_dump(mode="json", include=set(LIVE))


def as_written(config: ServiceConfig) -> dict[str, Any]:
    """The values of the LIVE keys for `with_live_keys`: recommenders as the file has them."""
    recommenders = {name: entry.written for name, entry in config.recommenders.items()}
    return live_keys(config) | {"recommenders": recommenders}


def changed_keys(old: ServiceConfig, new: ServiceConfig) -> list[str]:
    """What differs between the LIVE keys, each with its old and its new value."""
    before, after = live_keys(old), live_keys(new)
    found = []
    for key in LIVE:
        found += _differences(key, before[key], after[key])
    orders = [list(each.experiments) for each in (old, new)]
    if orders[0] != orders[1] and set(orders[0]) == set(orders[1]):
        found.append(f"order of experiments: {', '.join(orders[0])} -> {', '.join(orders[1])}")
    return found


def keys_for_restart(running: ServiceConfig, new: ServiceConfig) -> list[str]:
    """The keys that differ and are not LIVE."""
    return [
        key
        for key in type(running).model_fields
        if key not in LIVE and getattr(running, key) != getattr(new, key)
    ]


def _differences(place: str, old: Any, new: Any) -> list[str]:
    if old == new:
        return []
    # An experiment's treatments, and its weights, are read together.
    if isinstance(old, dict) and isinstance(new, dict) and place.count(".") < 2:
        return [
            line
            for key in dict.fromkeys([*old, *new])
            for line in _differences(f"{place}.{key}", old.get(key), new.get(key))
        ]
    return [f"{place}: {_text(old)} -> {_text(new)}"]


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_text(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_text, value))}]"
    return "none" if value is None else _PASSWORD.sub(r"\1***@", str(value))
