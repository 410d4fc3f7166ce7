"""split: what is learned from, and what came after."""

from pathlib import Path

import duckdb

from pipeline.nightly.directory import Night, Result, StopNightError
from pipeline.nightly.faces import Face

TRAIN, HELD_OUT = "train.csv", "held_out.parquet"
_COLUMNS = '"user", item, event, timestamp'
_VALUED = f"{_COLUMNS}, value"


def work(events: Path, night: Night, days: int, face: Face, out: Path) -> Result:
    """Write train.csv, the events before the last days, and held_out.parquet, those of them."""
    cut = night.end - days * 86_400_000
    source = f"FROM read_parquet('{events}') WHERE timestamp"
    order = 'ORDER BY "user", timestamp, item, event, value'
    duckdb.execute(
        f"COPY (SELECT {_VALUED if face.valued else _COLUMNS} {source} < {cut} {order}) TO "
        f"'{out / TRAIN}' (HEADER)"
    )
    duckdb.execute(f"COPY (SELECT {_VALUED} {source} >= {cut} {order}) TO '{out / HELD_OUT}'")
    counts = [
        duckdb.execute(f"SELECT count(*) {source} {side} {cut}").fetchall()[0][0]
        for side in ("<", ">=")
    ]
    for count, where in zip(counts, ("before", "in"), strict=True):
        if not count:
            raise StopNightError(f"no events {where} the last {days} days, which are held out")
    return Result({"train": counts[0], "held_out": counts[1], "cut_ms": cut})
