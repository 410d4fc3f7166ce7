"""The unit of a log's timestamps, by their size: reported, and never mixed."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from contract.timestamps import NAMES, UNITS, UNKNOWN, Unit, is_own_clock, units_of_run
from offline.errors import InputError

YEAR_MS = 31_557_600_000
SIZES = """
SELECT fault, unit, COUNT(*), MIN(timestamp), MAX(timestamp), MIN({order})
FROM lines
GROUP BY fault, unit, FLOOR(timestamp / 31557600000)
"""
"""By fault, code of the unit and year: how many lines, the first and last ms, the first line."""

_SECONDS = UNITS.index("s") + 1
_OWN_CLOCK = "CASE WHEN unit = 1 THEN CAST(timestamp / 1000 AS BIGINT) ELSE timestamp END"

Row = tuple[str | None, int, int, int, int, int]


def counts_of(rows: Sequence[Row]) -> dict[str | None, int]:
    """Number of lines by fault, from rows of `SIZES`; None is for events."""
    counts: Counter[str | None] = Counter()
    for fault, _, count, *_ in rows:
        counts[fault] += count
    return dict(counts)


def timestamps_of(rows: Sequence[Row], place: Callable[[int], str]) -> tuple[str, Unit, list[str]]:
    """SQL of an event's `timestamp` in ms, the unit found, and notes.

    `rows` are from `SIZES`; `place` names file and line of a row. Raises InputError where the
    log has timestamps in several units.
    """
    events = [row for row in rows if row[0] is None and row[1] is not None]
    sizes: dict[int, tuple[int, int]] = {}
    places: dict[Unit, int] = {}
    for _, code, _, low, high, line in events:
        ends = sorted((abs(low), abs(high)))
        old = sizes.get(code, ends)
        sizes[code] = (min(old[0], ends[0]), max(old[1], ends[1]))
        if code:
            unit = UNITS[code - 1]
            places[unit] = min(places.get(unit, line), line)
    units = units_of_run(sizes)
    if len(units) > 1:
        # What of an own clock looks like s is in ms too.
        one, other = (
            f"in {NAMES[unit]} at {place(places.get(unit, places.get('s', 0)))}"
            for unit in units[:2]
        )
        raise InputError(
            f"the log has timestamps {one} and {other}: events cannot be put in order; bring all "
            "to milliseconds since the epoch"
        )
    own_clock = is_own_clock(sizes)
    far = stray_times(events, place, own_clock)
    if own_clock:
        note = "timestamps begin in 1970: taken as milliseconds of a clock that started at 0"
        return _OWN_CLOCK, "ms", [note, *far]
    unit = units[0]
    note = f"timestamps are in {NAMES[unit]}, as their size tells; read as milliseconds"
    return "timestamp", unit, far if unit == "ms" else [note, *far]


def stray_times(
    events: Sequence[Row],
    place: Callable[[int], str],
    own_clock: bool = False,
    noun: str = "lines",
) -> list[str]:
    """A note on events more than a year away from the bulk of the log.

    `events` are rows of `SIZES`; `place` names file and line of a row.
    """
    spans = []
    for _, code, count, low, high, line in events:
        divisor = 1000 if own_clock and code == _SECONDS else 1
        spans.append((low // divisor, high // divisor, count, line, code))
    groups: list[list[tuple[int, int, int, int, int]]] = []
    latest = -(2**63)
    for span in sorted(spans):
        if groups and span[0] - latest <= YEAR_MS:
            groups[-1].append(span)
        else:
            groups.append([span])
        latest = max(latest, span[1])
    if len(groups) < 2:
        return []
    most = max(groups, key=lambda group: (sum(span[2] for span in group), group))
    others = [span for group in groups if group is not most for span in group]
    far, lines = sum(span[2] for span in others), sum(span[2] for span in spans)
    start, _, _, line, code = min(others, key=lambda span: span[3])
    rest = f"{_date(most[0][0])} to {_date(max(span[1] for span in most))}"
    first = f"the first, of {_date(start)}, at {place(line)}"
    no_unit = code == UNKNOWN and any(span[4] != UNKNOWN for span in most)
    why = ": its size tells no unit, it is taken as milliseconds" if no_unit else ""
    have = "has" if far == 1 else "have"
    return [
        f"{far:,} of {lines:,} {noun} {have} a time more than a year away from the rest ({rest}): "
        f"{first}{why}"
    ]


def _date(ms: int) -> str:
    try:
        return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms):%Y-%m-%d}"
    except OverflowError:
        return f"the timestamp {ms}"
