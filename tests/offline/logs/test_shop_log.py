"""Reconciling logs of the shop face: what was served, logged, shipped."""

import gzip
import json
from collections import Counter
from pathlib import Path

from offline.logs.reconcile import read_log, reconcile

HOUR = 3_600_000


def write(path: Path, *rows: object) -> None:
    path.parent.mkdir(exist_ok=True)
    text = "".join(f"{json.dumps(row)}\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())


def test_events_and_answers_by_hour_and_what_is_missing(tmp_path: Path) -> None:
    event = {"message": "event", "user": "u", "item": "a", "event": "view", "id": "x"}
    rows = [{**event, "timestamp": at * HOUR + 5} for at in (480_000, 480_000, 480_001)]
    rows.append({"message": "recommend", "timestamp": 480_001 * HOUR, "items": []})
    change = {"message": "item", "timestamp": 480_001 * HOUR, "item": "a", "fields": None}
    write(tmp_path / "logged" / "data.json.0", *rows[:2])
    write(tmp_path / "logged" / "data.json.1", *rows[2:], change)
    write(tmp_path / "shipped" / "data.json.gz", *rows[:3], "torn")
    logged = read_log("logged", [str(tmp_path / "logged")])
    shipped = read_log("shipped", [str(tmp_path / "shipped")])
    assert logged.events == {480_000: 2, 480_001: 2}
    assert shipped.notes == ("shipped: 1 lines are none of the shop face and have no hour",)
    served = Counter({480_000 % 24: 2, 480_001 % 24: 2})
    assert reconcile(served, [logged]).missing == ()
    (missing,) = reconcile(None, [logged, shipped]).missing
    assert "of 2 logged, 1 were not shipped" in missing
