"""The event log: its files, the fields of its lines, and what makes a line an event.

In SQL the rule is `fault_of` of `offline`, which passes the same golden cases (`events`).
"""

import json
import math
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from contract.errors import FormatError
from contract.ids import track_id, user_digits
from contract.timestamps import parse_timestamp
from contract.values import integer, is_nothing, is_number

LOG_NAME = "data.json"
"""Files of a log are named `data.json*`, or `data*.parquet` where a data client made them so."""

MESSAGES = ("next", "last")

Kind = Literal["text", "integer", "number", "boolean", "object", "list"]


class Field(NamedTuple):
    """A field of an event."""

    name: str
    kind: Kind
    """An `object` maps names to text or null."""
    nullable: bool = False
    """Whether a line may say null."""
    since: str = ""
    """The version of botify that added it; "" for fields that every edition of the family has."""
    only_if_forced: bool = False
    """Whether it is logged only if the request asked for a treatment."""


EVENT = (
    Field("message", "text"),
    Field("timestamp", "integer"),
    Field("user", "integer"),
    Field("track", "integer"),
    Field("time", "number"),
    Field("latency", "number"),
    Field("recommendation", "integer", nullable=True),
    Field("experiments", "object"),
    Field("session", "text", nullable=True, since="0.1"),
    Field("recommender", "text", nullable=True, since="0.1"),
    Field("rank", "integer", nullable=True, since="0.1"),
    Field("propensity", "number", nullable=True, since="0.1"),
    Field("model_version", "text", nullable=True, since="0.1"),
    Field("world_version", "text", since="0.1"),
    Field("run", "text", since="0.1"),
    Field("forced", "object", since="0.1", only_if_forced=True),
)
"""The fields in the order of a line."""

FIELDS = tuple(field.name for field in EVENT)
REQUIRED = tuple(
    field.name for field in EVENT if not field.since and field.name != "recommendation"
)
"""A line without one of them is no event. An absent `recommendation` is null, and the `latency` of
a `last` may be null or absent."""
OPTIONAL = tuple(field.name for field in EVENT if field.since)
"""What other editions do not log; readers accept their absence."""

LARGEST = 2**63 - 1
"""Of timestamps, tracks and recommendations; a user may be any size."""


class EventError(FormatError):
    """A line is not an event; `field` is at fault, or LINE if it has none of the fields."""

    def __init__(self, field: str) -> None:
        super().__init__("not an event" if field == LINE else f"`{field}` is missing or invalid")
        self.field = field


LINE = "line"


class Event(NamedTuple):
    """An event as readers take it."""

    message: str
    timestamp: int
    """In ms since the epoch, whatever the line has it in."""
    user: str
    """Decimal digits."""
    track: int
    time: float
    latency: float | None
    """In seconds."""
    recommendation: int | None
    experiments: dict[str, str | None]


def parse_event(row: object) -> Event:
    """The event of a line's JSON value; unknown fields are ignored. Raises EventError.

    `row` may contain NaN, which counts as null. Only fields that every edition has are checked.
    """
    if not isinstance(row, dict) or all(row.get(name) is None for name in _JUDGED):
        raise EventError(LINE)
    message = row.get("message")
    if message not in MESSAGES:
        raise EventError("message")
    timestamp = parse_timestamp(row.get("timestamp"))
    if timestamp is None:
        raise EventError("timestamp")
    user = None if isinstance(row.get("user"), str) else user_digits(row.get("user"))
    if user is None:
        raise EventError("user")
    track = track_id(row.get("track"))
    if track is None or track > LARGEST:
        raise EventError("track")
    time = row.get("time")
    if not is_number(time) or not 0 <= time <= 1:
        raise EventError("time")
    latency = _latency(row.get("latency"), message)
    recommendation = _recommendation(row)
    experiments = _experiments(row)
    return Event(
        message, timestamp[0], user, track, float(time), latency, recommendation, experiments
    )


_JUDGED = (*REQUIRED, "recommendation")


def _latency(value: object, message: str) -> float | None:
    if is_nothing(value) and message == "last":
        return None
    if not is_number(value) or not 0 <= value < math.inf:
        raise EventError("latency")
    return float(value)


def _recommendation(row: Mapping[str, Any]) -> int | None:
    value = row.get("recommendation")
    if is_nothing(value):
        return None
    number = integer(value)
    if number is None or abs(number) > LARGEST:
        raise EventError("recommendation")
    return number


def _experiments(row: Mapping[str, Any]) -> dict[str, str | None]:
    """The treatments; also from text that contains the JSON, as columns of tables do."""
    value = row.get("experiments")
    try:
        value = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        raise EventError("experiments") from None
    if not isinstance(value, dict):
        raise EventError("experiments")
    if not all(name is None or isinstance(name, str) for name in value.values()):
        raise EventError("experiments")
    return value
