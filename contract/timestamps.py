"""The time of an event: ms since the epoch, or what other editions and programs write instead.

A timestamp in s, µs or ns is recognised by its size, which ms of these years never have:

    1e9 <= |t| < 2.5e9   s    2001 to 2049
    1e11 <= |t| < 1e14   ms   1973 to 5138
    1e14 <= |t| < 1e17   µs   1973 to 5138
    1e17 <= |t|          ns   1973 and later

For other sizes the unit is `UNKNOWN`; they are read as ms of a clock that starts at 0.
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

from contract.values import integer, is_number

Unit = Literal["s", "ms", "us", "ns"]
UNITS: tuple[Unit, ...] = ("s", "ms", "us", "ns")
"""In the order of their size; the place of each, from 1, is its code in tables; 0 is `UNKNOWN`."""
UNKNOWN = 0
_FROM: tuple[tuple[float, int], ...] = (
    *((1e17, 4), (1e14, 3), (1e11, 2), (2.5e9, UNKNOWN), (1e9, 1)),
    (0, UNKNOWN),
)
NAMES: Mapping[Unit, str] = {
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
}
_OWN_CLOCK = 100
_LARGEST = 2**63
_ISO = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)


def unit_code(number: int | float) -> int:
    """The code of the unit of a timestamp of this size: 1 for s to 4 for ns, else `UNKNOWN`."""
    size = abs(number)
    return next(code for start, code in _FROM if size >= start)


def parse_timestamp(value: object) -> tuple[int, int] | None:
    """Of a JSON value: (ms since the epoch, code of the unit that it was in), or None.

    Integers are cut to whole ms. A fraction is taken where the size tells the unit, and rounded
    where a double does not hold the ms exactly: in s and ns. A text must be a date and time of
    ISO 8601, in UTC where it names no zone.
    """
    if isinstance(value, str):
        return _parse_text(value)
    number = integer(value)
    if number is not None:
        code = unit_code(number)
        return None if abs(number) >= _LARGEST else (_cut(number, code), code)
    if not is_number(value) or not abs(value) < _LARGEST:  # NaN is below nothing
        return None
    code = unit_code(value)
    if code == UNKNOWN:
        return None
    unit = UNITS[code - 1]
    if unit in ("s", "ns"):
        ms = value * 1000 if unit == "s" else value / 1e6
        return int(math.copysign(math.floor(abs(ms) + 0.5), ms)), code
    return int(value if unit == "ms" else value / 1000), code


def _cut(number: int, code: int) -> int:
    """In ms, towards 0."""
    unit = UNITS[code - 1] if code else "ms"
    if unit == "s":
        return number * 1000
    size = abs(number) // {"ms": 1, "us": 1000, "ns": 1_000_000}[unit]
    return size if number >= 0 else -size


def _parse_text(text: str) -> tuple[int, int] | None:
    if not _ISO.fullmatch(text):
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    since = found - datetime(1970, 1, 1, tzinfo=UTC)
    micros = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    return micros // 1000, UNITS.index("ms") + 1


def units_of_run(sizes: Mapping[int, tuple[int, int]]) -> tuple[Unit, ...]:
    """The units of a run of events: one, or several, which no reader may mix.

    `sizes` has the smallest and the largest |ms| by code, as `parse_timestamp` gave them. A clock
    that started at 0 and has gone on passes from `UNKNOWN` into what looks like s without a gap:
    its events are in ms, which `is_own_clock` tells.
    """
    codes = {code for code in sizes if code != UNKNOWN}
    units = {UNITS[code - 1] for code in codes}
    if is_own_clock(sizes):
        units = (units - {"s"}) | {"ms"}
    return tuple(unit for unit in UNITS if unit in units) or ("ms",)


def is_own_clock(sizes: Mapping[int, tuple[int, int]]) -> bool:
    """Whether what looks like s is ms of a clock that started at 0; `sizes` as in units_of_run."""
    seconds = UNITS.index("s") + 1
    if UNKNOWN not in sizes or seconds not in sizes:
        return False
    return sizes[seconds][0] // 1000 < _OWN_CLOCK * max(sizes[UNKNOWN][1], 1)
