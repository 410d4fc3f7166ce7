"""In which unit a log's timestamps are, by their size: told, and never mixed."""

from collections.abc import Callable, Sequence

from contract.timestamps import NAMES, UNITS, Unit, is_own_clock, units_of_run
from offline.errors import InputError

SIZES = """
SELECT unit, MIN(ABS(timestamp)), MAX(ABS(timestamp)), MIN({order})
FROM lines
WHERE fault IS NULL AND unit IS NOT NULL
GROUP BY unit
"""
"""By code of the unit: the smallest and the largest |ms|, and the first line."""

_OWN_CLOCK = "CASE WHEN unit = 1 THEN CAST(timestamp / 1000 AS BIGINT) ELSE timestamp END"

Row = tuple[int, int, int, int]


def timestamps_of(rows: Sequence[Row], place: Callable[[int], str]) -> tuple[str, Unit, list[str]]:
    """The SQL of an event's `timestamp` in ms, the unit that it was in, and what to tell of it.

    `rows` are those of `SIZES`; `place` names file and line of a row. Raises InputError where the
    log has timestamps in several units.
    """
    sizes = {code: (low, high) for code, low, high, _ in rows}
    units = units_of_run(sizes)
    first = {UNITS[code - 1]: line for code, *_, line in rows if code}
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
