"""transform: checked events, each once, of items that there are."""

from pathlib import Path

import duckdb

from pipeline.nightly import checks
from pipeline.nightly.config import Checks
from pipeline.nightly.directory import Night, Result
from pipeline.nightly.faces import Face

OUT = "events.parquet"


def work(raw: Path, items: Path, night: Night, bounds: Checks, face: Face, out: Path) -> Result:
    """Write checks.json, checks.html and events.parquet. Raises StopNightError by a check."""
    found = checks.of_rows(raw, items, night.end, bounds, face)
    checks.conclude(found, out, f"Data of {night.day}")
    duckdb.execute(
        f'COPY (SELECT DISTINCT "user", item, event, timestamp, value FROM '
        f"read_parquet('{raw}') "
        'WHERE "user" IS NOT NULL AND event IS NOT NULL AND timestamp IS NOT NULL AND item IN '
        f"(SELECT CAST({face.item} AS VARCHAR) FROM read_json('{items}', "
        "format = 'newline_delimited')) "
        f"ORDER BY \"user\", timestamp, item, event, value) TO '{out / OUT}'"
    )
    [(before,)] = duckdb.execute(f"SELECT count(*) FROM read_parquet('{raw}')").fetchall()
    [(after,)] = duckdb.execute(f"SELECT count(*) FROM read_parquet('{out / OUT}')").fetchall()
    return Result({"events": after, "left_out": before - after, "checks": len(found)})
