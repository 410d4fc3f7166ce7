"""What logs are of: plays of music, or events and answers of a shop."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Face = Literal["music", "shop"]

_JSON = ("message", "timestamp", "user", "latency", "experiments")
_NAMES = ("session", "recommender", "run", "model_version")


@dataclass(frozen=True)
class LineForm:
    """How the lines of one face are read."""

    face: Face
    tables: tuple[str, ...]
    """Files of SQL that make the table `lines` and the macros."""
    json: str
    """The file of SQL that reads JSON Lines as rows of it."""
    fields: Mapping[str, str]
    """Fields of a line that are read, and the type that each arrives as."""
    view: str
    """Name of the view of the lines without a fault."""
    columns: str
    """Of the view, but for `n`, the place of a line in the log."""
    where: str = "TRUE"
    """Which lines are in the view."""
    after: str | None = None
    """The file of SQL that makes `events` of the view, where it is not that."""


# That DuckDB takes the quotes off names as it parses is quicker than `->>` on what it parsed.
MUSIC = LineForm(
    "music",
    ("events.sql",),
    "events_json.sql",
    {
        **dict.fromkeys((*_JSON, "track", "time", "recommendation", "propensity"), "JSON"),
        **dict.fromkeys((*_NAMES, "world_version"), "VARCHAR"),
    },
    "events",
    "file, message, {timestamp} AS timestamp, user_id, track, time, latency, experiments, session,"
    " recommendation, recommender, propensity, run, world_version, model_version",
)
SHOP = LineForm(
    "shop",
    ("events.sql", "shop_lines.sql"),
    "shop_json.sql",
    {
        **dict.fromkeys((*_JSON, "item", "price", "quantity", "value", "k", "items"), "JSON"),
        **dict.fromkeys((*_NAMES, "event", "id", "request"), "VARCHAR"),
    },
    "shop_lines",
    "file, message, {timestamp} AS timestamp, user_id, item, event, id, price, quantity, value,"
    " latency, experiments, session, request, k, shown_items, recommender, run, model_version",
    "message <> 'item'",
    "shop_events.sql",
)
FORMS: Mapping[Face, LineForm] = {"music": MUSIC, "shop": SHOP}
