"""features: what is known of each event at its time, and whether it drifted."""

from collections.abc import Sequence
from pathlib import Path

import duckdb
import numpy as np

from pipeline.nightly import checks
from pipeline.nightly.config import Checks
from pipeline.nightly.directory import Night, Result
from pipeline.nightly.drift import Numbers
from pipeline.nightly.faces import Face

OUT = "events.parquet"
_WEEK = 7 * 86_400_000
_FEATURES = """
SELECT *, hour(make_timestamp(timestamp * 1000)) AS hour,
    isodow(make_timestamp(timestamp * 1000)) AS weekday,
    CASE event WHEN 'view' THEN 0 WHEN 'addtocart' THEN 1 WHEN 'transaction' THEN 2
        WHEN 'next' THEN 4 WHEN 'last' THEN 5 ELSE 3 END AS kind,
    (timestamp - lag(timestamp) OVER (PARTITION BY "user" ORDER BY timestamp)) / 1000
        AS gap_seconds,
    count(*) OVER (PARTITION BY item ORDER BY timestamp RANGE BETWEEN UNBOUNDED PRECEDING
        AND 1 PRECEDING) / nullif(rank() OVER (ORDER BY timestamp) - 1, 0) AS popularity
FROM read_parquet('{events}')
ORDER BY "user", timestamp, item, event, value
"""


def work(
    events: Path, night: Night, accepted: Path | None, bounds: Checks, face: Face, out: Path
) -> Result:
    """Write events.parquet with the features, checks.json and checks.html.

    `accepted`: the features of the last accepted night; drift is measured between the last weeks
    of the two, so that weekdays compare. Raises StopNightError by a check.
    """
    question = _FEATURES.format(events=events)
    duckdb.execute(f"COPY ({question}) TO '{out / OUT}'")
    names = (*checks.FEATURES, checks.VALUE) if face.valued else checks.FEATURES
    before = last_week(accepted / OUT, names) if accepted else None
    name = accepted.parent.name if accepted else ""
    found = checks.of_drift(last_week(out / OUT, names), before, name, bounds)
    checks.conclude(found, out, f"Drift of {night.day}")
    return Result({f"drift_{check.name.replace(' ', '_')}": check.value for check in found})


def last_week(events: Path, names: Sequence[str] = checks.FEATURES) -> dict[str, Numbers]:
    """The features of the events in the seven days before the newest."""
    columns = ", ".join(f'CAST("{name}" AS DOUBLE) "{name}"' for name in names)
    found = duckdb.execute(
        f"SELECT {columns} FROM read_parquet('{events}') WHERE timestamp > "
        f"(SELECT max(timestamp) - {_WEEK} FROM read_parquet('{events}'))"
    ).fetchnumpy()
    return {name: np.ma.filled(found[name], np.nan).astype(float) for name in names}
