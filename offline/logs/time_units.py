"""The unit of a log's timestamps, by their size: reported, and never mixed."""

from collections import Counter
from collections.abc import Callable, Sequence

from contract.timestamps import NAMES, UNITS, Unit, is_own_clock, units_of_run
from offline.errors import InputError

SIZES = """
SELECT fault, unit, COUNT(*), MIN(ABS(timestamp)), MAX(ABS(timestamp)), MIN({order})
FROM lines
GROUP BY fault, unit
"""
"""By fault and code of the unit: how many lines, the smallest and largest |ms|, the first line."""

_OWN_CLOCK = "CASE WHEN unit = 1 THEN CAST(timestamp / 1000 AS BIGINT) ELSE timestamp END"

Row = tuple[str | None, int, int, int, int, int]


def counts_of(rows: Sequence[Row]) -> dict[str | None, int]:
    """Lines by fault, of rows of `SIZES`; None stands for events."""
    counts: Counter[str | None] = Counter()
    for fault, _, count, *_ in rows:
        counts[fault] += count
    return dict(counts)


def timestamps_of(rows: Sequence[Row], place: Callable[[int], str]) -> tuple[str, Unit, list[str]]:
    """The SQL of an event's `timestamp` in ms, the unit that it was in, and what to tell of it.

    `rows` are those of `SIZES`; `place` names file and line of a row. Raises InputError where the
    log has timestamps in several units.
    """
    events = [row for row in rows if row[0] is None and row[1] is not None]
    sizes = {code: (low, high) for _, code, _, low, high, _ in events}
    units = units_of_run(sizes)
    first = {UNITS[code - 1]: line for _, code, *_, line in events if code}
    if len(units) > 1:
        # What of an own clock looks like s is in ms too.
        one, other = (
            f"in {NAMES[unit]} at {place(first.get(unit, first.get('s', 0)))}"
            for unit in units[:2]
        )
        raise InputError(
            f"the log has timestamps {one} and {other}: events cannot be put in order; bring all "
            "to milliseconds since the epoch"
        )
    if is_own_clock(sizes):
        note = "timestamps begin in 1970: taken as milliseconds of a clock that started at 0"
        return _OWN_CLOCK, "ms", [note]
    unit = units[0]
    note = f"timestamps are in {NAMES[unit]}, as their size tells; read as milliseconds"
    return "timestamp", unit, [] if unit == "ms" else [note]
