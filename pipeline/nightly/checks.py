"""Checks of the data: a list of what was found, beside what is allowed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from pipeline.nightly.config import Checks
from pipeline.nightly.directory import StopNightError, write_json
from pipeline.nightly.drift import Numbers, ks, psi
from pipeline.nightly.faces import Face

_DAY = 86_400_000
_YEAR_2000 = 946_684_800_000
_KS_NEEDS = 100
FEATURES = ("hour", "weekday", "kind", "gap_seconds", "popularity")
VALUE = "value"


@dataclass(frozen=True)
class Check:
    """One question to the data."""

    name: str
    value: float
    bound: str
    """What is allowed, such as `at most 0.05`."""
    passed: bool
    note: str = ""


def at_most(name: str, value: float, bound: float, note: str = "") -> Check:
    return Check(name, value, f"at most {bound:g}", bool(value <= bound), note)


def at_least(name: str, value: float, bound: float, note: str = "") -> Check:
    return Check(name, value, f"at least {bound:g}", bool(value >= bound), note)


def of_rows(raw: Path, items: Path, end: int, bounds: Checks, face: Face) -> list[Check]:
    """Rows, nulls, times, values, unknown ids, repeats and gaps of extracted events.

    `end`: the first ms after the night's day. What is not in the newest day counts for the days
    it is compared with.
    """
    database = duckdb.connect()
    database.execute(f"CREATE VIEW e AS FROM read_parquet('{raw}')")
    database.execute(
        f"CREATE VIEW i AS SELECT CAST({face.item} AS VARCHAR) item FROM read_json('{items}', "
        "format = 'newline_delimited')"
    )

    def number(question: str) -> float:
        [[found]] = database.execute(question).fetchall()
        return float(found or 0)

    rows, last = number("SELECT count(*) FROM e"), end - _DAY
    found = [at_least("events", rows, bounds.min_events)]
    share = "SELECT avg(CASE WHEN {} THEN 1.0 ELSE 0.0 END) FROM e"
    for column in ("user", "item", "event", "timestamp"):
        nulls = number(share.format(f'"{column}" IS NULL'))
        found.append(at_most(f"share without {column}", nulls, bounds.max_null_share))
    bad = number(share.format(f"timestamp >= {end} OR timestamp < {_YEAR_2000}"))
    found.append(
        at_most("share with a time before 2000 or after the night", bad, bounds.max_bad_time_share)
    )
    if face.valued:
        low, high = bounds.min_value, bounds.max_value
        outside = ["value IS NULL", "NOT isfinite(value)"]
        outside += [f"value < {low}"] if low is not None else []
        outside += [f"value > {high}"] if high is not None else []
        bad_values = number(share.format(" OR ".join(outside)))
        found.append(at_most("share of bad values", bad_values, bounds.max_bad_value_share))
    days = dict(
        database.execute(
            f"SELECT CAST(floor(({end} - 1 - timestamp) / {_DAY}) AS BIGINT) d, count(*) FROM e "
            f"WHERE timestamp < {end} AND timestamp >= {end - 8 * _DAY} GROUP BY d"
        ).fetchall()
    )
    usual = float(np.median([days.get(day, 0) for day in range(1, 8)]))
    relative = days.get(0, 0) / usual if usual else float(bool(days.get(0)))
    note = f"{days.get(0, 0):,} events; the median of the seven days before is {usual:,.0f}"
    found.append(at_least("newest day beside those before", relative, bounds.min_day_share, note))
    found.append(at_most("newest day beside those before", relative, bounds.max_day_share, note))
    today = f"timestamp >= {last} AND timestamp < {end}"
    unknown = number(
        f"SELECT avg(CASE WHEN item NOT IN (SELECT item FROM i) THEN 1.0 ELSE 0.0 END) "
        f"FROM e WHERE {today}"
    )
    found.append(
        at_most("newest day's share of unknown items", unknown, bounds.max_unknown_item_share)
    )
    repeats = number(
        'SELECT 1 - count(DISTINCT ("user", item, event, timestamp)) / count(*) FROM e'
    )
    found.append(at_most("share of repeated events", repeats, bounds.max_repeat_share))
    gap = number(
        f"WITH t AS (SELECT timestamp FROM e WHERE timestamp < {end} AND timestamp >= "
        f"{end - 8 * _DAY} UNION ALL SELECT {end}) SELECT max(gap) / 3.6e6 FROM "
        "(SELECT timestamp - lag(timestamp) OVER (ORDER BY timestamp) gap FROM t)"
    )
    found.append(at_most("hours without an event, last eight days", gap, bounds.max_gap_hours))
    return found


def of_drift(
    now: Mapping[str, Numbers], before: Mapping[str, Numbers] | None, night: str, bounds: Checks
) -> list[Check]:
    """PSI and D of each feature against the last accepted night's; none without such a night.

    D is left out where either has fewer than 100 rows.
    """
    found = []
    for name in before or ():
        assert before is not None
        old, new = before[name], now[name]
        against = f"against {night}: {len(old):,} rows then, {len(new):,} now"
        found.append(at_most(f"PSI of {name}", psi(old, new), bounds.psi, against))
        if min(len(old), len(new)) >= _KS_NEEDS:
            found.append(at_most(f"D of {name}", ks(old, new), bounds.ks, against))
    return found


def conclude(checks: Sequence[Check], out: Path, title: str) -> list[dict[str, Any]]:
    """Write checks.json and checks.html. Raises StopNightError where one failed."""
    content = [asdict(check) for check in checks]
    write_json(out / "checks.json", content)
    (out / "checks.html").write_text(page(checks, title))
    if failed := [check for check in checks if not check.passed]:
        each = "; ".join(f"{check.name} is {check.value:.4g}, {check.bound}" for check in failed)
        raise StopNightError(f"data checks failed: {each}")
    return content


def page(checks: Sequence[Check], title: str) -> str:
    """The checks as a page of HTML that needs nothing else."""
    rows = "\n".join(
        f"<tr class={'passed' if check.passed else 'failed'}><td>{escape(check.name)}</td>"
        f"<td>{check.value:.4g}</td><td>{escape(check.bound)}</td>"
        f"<td>{'passed' if check.passed else 'FAILED'}</td><td>{escape(check.note)}</td></tr>"
        for check in checks
    )
    heads = "".join(f"<th>{head}</th>" for head in ("check", "value", "allowed", "", "note"))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        "<style>body{font:16px sans-serif;margin:2em}td,th{padding:.3em 1em;text-align:left}"
        ".failed{background:#fdd;font-weight:bold}</style>"
        f"<h1>{escape(title)}</h1><table><tr>{heads}</tr>{rows}</table></html>\n"
    )
