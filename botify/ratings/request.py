"""A request for ratings: from the query, a form, or a JSON body, in any mixture."""

import math
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from botify.errors import InputError
from botify.request_values import json_object, parse_count, parse_id
from contract.values import is_number

DEFAULT_N = 10
"""Of `/reco`."""
DEFAULT_USER = "100"
"""Of the page."""
DEFAULT_TOP = 50
"""Of the page."""
MAX_N = 1000
MAX_RATINGS = 1000
"""That a request may bring along."""
_NONE: Mapping[str, float] = MappingProxyType({})

Pairs = Iterable[tuple[str, Sequence[str]]]
"""Of a query or a form: each name with all its values."""


class RatingRequest(NamedTuple):
    """Who asks, and for how many items."""

    user: str
    n: int = DEFAULT_N
    ratings: Mapping[str, float] = _NONE
    """By item: what the user says now. They are used for this answer and stored nowhere."""


def parse_reco(query: Pairs, form: Pairs, body: bytes) -> RatingRequest:
    """A request to `/reco`. Raises InputError.

    Unknown keys are refused and not ignored: a filter that has no effect would go unnoticed.
    """
    fields: dict[str, Any] = {}
    for where, pairs in (("query", query), ("form", form), ("body", json_object(body).items())):
        known = ("UsrID", "n_recos", "ratings") if where == "body" else ("UsrID", "n_recos")
        _add(fields, where, pairs, known)
    if "UsrID" not in fields:
        raise InputError("`UsrID` is missing: /reco?UsrID=40&n_recos=5")
    return RatingRequest(
        parse_id(fields["UsrID"], "`UsrID`"),
        parse_count(fields.get("n_recos", DEFAULT_N), "`n_recos`", MAX_N),
        _ratings(fields.get("ratings", _NONE)),
    )


def parse_page(query: Pairs) -> RatingRequest:
    """A request to `/recs`. Raises InputError."""
    fields: dict[str, Any] = {}
    _add(fields, "query", query, ("user_id", "top"))
    return RatingRequest(
        parse_id(fields.get("user_id", DEFAULT_USER), "`user_id`"),
        parse_count(fields.get("top", DEFAULT_TOP), "`top`", MAX_N),
    )


def _add(
    fields: dict[str, Any], where: str, pairs: Iterable[tuple[str, Any]], known: Sequence[str]
) -> None:
    for key, value in pairs:
        if key not in known:
            names = ", ".join(f"`{name}`" for name in known)
            raise InputError(f"unknown parameter {key!r}: the {where} may have {names}")
        if where != "body":
            if len(value) > 1:
                raise InputError(f"`{key}` is there twice")
            value = value[0]
        elif value is None:
            continue
        if key in fields and str(fields[key]) != str(value):
            raise InputError(f"`{key}` differs in two parts of the request")
        fields[key] = value


def _ratings(value: object) -> Mapping[str, float]:
    if not isinstance(value, Mapping) or len(value) > MAX_RATINGS:
        raise InputError(
            f'`ratings` must be an object with up to {MAX_RATINGS:,} items: {{"2571": 4.5}}'
        )
    for item, rating in value.items():
        if not is_number(rating) or not math.isfinite(rating):
            raise InputError(f"`ratings`: that of {item[:60]!r} must be a number")
    return {parse_id(item, "`ratings`: an item"): float(value[item]) for item in value}
