"""Events by hour, by which the stages of the loop are compared."""

import re
from datetime import UTC, datetime

from offline.logs.reader import EventLog

_PER_HOUR = """
SELECT CAST(FLOOR(timestamp / 3600000) AS BIGINT), COUNT(*)
FROM events
GROUP BY CAST(FLOOR(timestamp / 3600000) AS BIGINT)
ORDER BY 1
"""


def events_per_hour(log: EventLog) -> dict[int, int]:
    """How many usable lines have their timestamp in each hour, counted from the epoch."""
    return dict(log.engine.rows(_PER_HOUR))


def hour_text(hour: int) -> str:
    """`2026-11-28T03`, in UTC; the number where the calendar has no such hour."""
    try:
        return f"{datetime.fromtimestamp(hour * 3600, UTC):%Y-%m-%dT%H}"
    except (ValueError, OverflowError, OSError):
        return str(hour)


def hour_of(text: str) -> int:
    """The hour that `hour_text` wrote. Raises ValueError for another text."""
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) // 3600
