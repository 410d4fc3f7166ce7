"""Why a line of a log is no event of the protocol, said for a person.

The rule itself is `is_event` in events.sql, which is fast. This is its precise twin: it is asked
only about the lines that the rule turned down.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

BLANK = " \t\r\n\v\f"
"""A line of these holds nothing; DuckDB passes it over."""


@dataclass(frozen=True)
class BadLine:
    """A line that was skipped: file, line number (from 1; of a parquet file the row), reason."""

    path: Path | str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.reason}"


def list_bad_lines(count: int, named: Sequence[BadLine], shown: int = 10) -> list[str]:
    """Lines of text that tell how many lines were skipped, and where the first of them are."""
    if not count:
        return ["no bad lines"]
    text = [f"{count:,} bad line{'s' if count > 1 else ''} skipped:"]
    text += [f"  {bad}" for bad in named[:shown]]
    if count > shown:
        text.append(f"  ... and {count - shown:,} more")
    return text


def explain_line(line: bytes) -> str:
    """What is wrong with one line of JSON Lines that was turned down."""
    line = line.rstrip(b" \t\r\n")
    if not line.strip(b"\0"):
        return f"{len(line)} zero bytes, no event"
    try:
        event = json.loads(line.decode())
    except UnicodeDecodeError as error:
        return f"not UTF-8 text (byte {error.start + 1})"
    except json.JSONDecodeError as error:
        if error.pos >= len(error.doc) or error.msg.startswith("Unterminated"):
            return f"cut off after {len(error.doc)} characters"
        return f"not JSON ({error.msg} at character {error.pos + 1})"
    except (ValueError, RecursionError) as error:
        return f"not JSON ({error})"
    if not isinstance(event, dict):
        return "not a JSON object"
    return explain_event(event)


def explain_event(event: Mapping[str, object]) -> str:
    """What is wrong with the fields of an event that was turned down."""
    for field in ("message", "timestamp", "user", "track", "time", "experiments"):
        if event.get(field) is None:
            return f"no `{field}`"
    if event["message"] not in ("next", "last"):
        return _wrong(event, "message", '"next" or "last"')
    if not _is_int(event["timestamp"]):
        return _wrong(event, "timestamp", "an integer (ms since the epoch)")
    for field in ("user", "track"):
        value = event[field]
        if not isinstance(value, int) or not _is_int(value) or value < 0:
            return _wrong(event, field, "a non-negative integer")
    if not _is_number(event["time"], 1.0):
        return _wrong(event, "time", "a number from 0 to 1")
    if event.get("latency") is None and event["message"] == "next":
        return "no `latency`"
    if event.get("latency") is not None and not _is_number(event["latency"], math.inf):
        return _wrong(event, "latency", "a number of seconds, 0 or more")
    if event.get("recommendation") is not None and not _is_int(event["recommendation"]):
        return _wrong(event, "recommendation", "an integer or null")
    experiments = event["experiments"]
    if not isinstance(experiments, dict) or not all(
        isinstance(treatment, str | None) for treatment in experiments.values()
    ):
        return _wrong(event, "experiments", "an object {experiment: treatment}")
    return "a value outside the range that can be stored"


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object, upper: float) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value <= upper and value != math.inf


def _wrong(event: Mapping[str, object], field: str, wanted: str) -> str:
    shown = json.dumps(event[field], default=str)
    shown = shown if len(shown) <= 40 else shown[:37] + "..."
    return f"`{field}` must be {wanted}, not {shown}"
