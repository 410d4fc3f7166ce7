"""Lines of a log that are no events, and why.

The rule is `fault_of` in events.sql, which names the field; here it is put into words.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from contract.errors import FormatError
from contract.jsonlines import BLANK, parse_line
from offline.errors import InputError

BAD_TOLD, BAD_STOP = 0.001, 0.05
"""Shares of bad lines above which they are reported first, and above which logs are refused."""
LONGEST_LINE = 1 << 24
"""Bytes; a longer line is a bad one."""

WANTED = {
    "message": '"next" or "last"',
    "timestamp": "an integer (ms since the epoch)",
    "user": "a non-negative integer",
    "track": "a non-negative integer",
    "time": "a number from 0 to 1",
    "latency": "a number of seconds, 0 or more",
    "recommendation": "an integer or null",
    "experiments": "an object {experiment: treatment}",
}
"""The valid values of each field."""

LINE, DAMAGE = "line", "damage"
"""Faults that are of no field: no JSON object, and a compressed log that ends too early."""


@dataclass(frozen=True)
class BadLine:
    """A line that was skipped: file, line number (from 1; of a parquet file the row), reason."""

    path: Path | str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.reason}"


@dataclass(frozen=True)
class Skipped:
    """How many lines of a log are no events, and why."""

    lines: int
    """Lines that hold anything, usable or not."""
    bad: int
    named: tuple[BadLine, ...] = ()
    """The first of the bad lines, in the order of files and lines."""
    faults: Mapping[str, int] = field(default_factory=dict)
    """Bad lines by fault: a field of the log, `LINE` or `DAMAGE`."""

    @property
    def share(self) -> float:
        """Share of the log's lines that are bad, 0 to 1."""
        return self.bad / self.lines if self.lines else 0.0

    @property
    def commonest(self) -> str | None:
        """The reason of most of the bad lines; None where there is none."""
        if not self.faults:
            return None
        return reason_of(max(self.faults, key=lambda fault: (self.faults[fault], fault)))


def reason_of(fault: str) -> str:
    """A fault in words, of no line in particular."""
    if fault == LINE:
        return "not an object of JSON"
    if fault == DAMAGE:
        return "the rest of a compressed log is lost"
    if fault not in WANTED:  # of a table or a shop, where it is in words already
        return fault
    return f"no `{fault}`, or not {WANTED[fault]}"


def check_bad_lines(
    skipped: Skipped, most: float, nouns: str = "lines", source: str = "log"
) -> None:
    """Raises InputError where more than the share `most` of the lines are bad."""
    if skipped.share > most:
        raise InputError(
            f"{_percent(skipped.share)} of the {nouns} ({skipped.bad:,} of {skipped.lines:,}) "
            f"could not be used: mostly {skipped.commonest}; mend the {source}, or take the rest "
            "with --allow-bad"
        )


def list_bad_lines(skipped: Skipped, shown: int = 10, noun: str = "line") -> list[str]:
    r"""Text about the lines that were skipped.

    Parameters
    ----------
    skipped : Skipped
        As `EventLog.skipped` has it.
    shown : int, default 10
        How many bad lines to name.
    noun : str, default "line"
        What a line is called.

    Returns
    -------
    list of str
        Lines of text: how many were skipped, the most frequent reason, and the first of them.

    Examples
    --------
    >>> import json
    >>> from pathlib import Path
    >>> from offline import list_bad_lines, open_logs
    >>> line = {"message": "last", "timestamp": 0, "user": 5, "track": 7, "time": 1.0}
    >>> good = json.dumps(line | {"latency": 0.0, "experiments": {}})
    >>> _ = Path("data.json").write_text(good + "\nnot JSON\n")
    >>> with open_logs(["data.json"]) as log:
    ...     print("\n".join(list_bad_lines(log.skipped)))
    1 bad line skipped: 50 % of all
      data.json:2: not JSON (Expecting value at character 1)
    """
    if not skipped.bad:
        return [f"no bad {noun}s"]
    lines = f"1 bad {noun}" if skipped.bad == 1 else f"{skipped.bad:,} bad {noun}s"
    why = f"; most often {skipped.commonest}" if skipped.bad > 1 else ""
    text = [f"{lines} skipped: {_percent(skipped.share)} of all{why}"]
    text += [f"  {bad}" for bad in skipped.named[:shown]]
    if skipped.bad > shown:
        text.append(f"  ... and {skipped.bad - shown:,} more")
    return text


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.0f} %"


def explain_fault(fault: str, shown: str | None) -> str:
    """The fault of a field; `shown` is the text of its value, None if it has none."""
    if fault not in WANTED:  # of a shop, where it is in words already
        return fault
    if shown is None:
        return f"no `{fault}`"
    if fault in ("timestamp", "track", "recommendation") and re.fullmatch(r"-?\d{19,}", shown):
        return f"`{fault}`: a value outside the range that can be stored"
    shown = shown if len(shown) <= 40 else shown[:37] + "..."
    return f"`{fault}` must be {WANTED[fault]}, not {shown}"


def explain_line(line: bytes) -> str:
    """The fault of a line in which the reader found none of the fields."""
    line = line.strip(BLANK)
    if not line.strip(b"\0"):
        return f"{len(line)} zero bytes, no event"
    try:
        value = parse_line(line)
    except FormatError as error:
        return str(error)
    return "no `message`" if isinstance(value, dict) else "not a JSON object"


def too_long(length: int) -> str:
    """Why a line of this number of bytes is bad."""
    return f"a line of {length:,} bytes; one of {LONGEST_LINE:,} or more is no event"
