"""Events of an event log, of CSV and of Parquet, into one form."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipeline.nightly.config import Source
from pipeline.nightly.directory import Night, StopNightError
from pipeline.nightly.steps import extract

_DAY = date(2026, 1, 1)
_TIME = 1_767_225_600_000  # its first ms
_NEXT_DAY = _TIME + 86_400_000


def _event(user: object, item: object, timestamp: int, **other: Any) -> dict[str, Any]:
    event = {"message": "event", "event": "view", "user": user, "item": item}
    return event | {"timestamp": timestamp} | other


def _write(path: Path, *events: dict[str, Any], end: str = "\n") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(map(json.dumps, events)) + end)


def _extracted(source: Source, out: Path) -> list[tuple[Any, ...]]:
    out.mkdir()
    extract.work(source, Night(_DAY, "shop", out), out)
    return duckdb.execute(
        f"SELECT \"user\", item, event, timestamp FROM read_parquet('{out / extract.OUT}')"
    ).fetchall()


def test_a_directory_of_an_event_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    _write(
        log / "data.json.1",
        _event("u2", "i2", _TIME + 5, event="addtocart", id="a"),
        {"message": "recommend", "user": "u1", "timestamp": _TIME, "items": ["i1"]},
        _event("u1", "i1", _TIME + 1, event="impression", id="b"),
        _event("u9", "i9", _NEXT_DAY, id="c"),  # of the next day
    )
    _write(
        log / "data.json.2.20260101T120000.000Z",
        _event("u2", "i2", _TIME + 6, event="addtocart", id="a"),  # accepted twice
        _event(7, 8, _TIME + 2),
        _event("u1", "i1", _TIME + 3),  # without an id: both are kept
        _event("u1", "i1", _TIME + 3),
    )
    _write(log / "notes.txt", _event("no", "log", _TIME))
    assert _extracted(Source(kind="log", place=str(log)), tmp_path / "out") == [
        ("7", "8", "view", _TIME + 2),
        ("u1", "i1", "view", _TIME + 3),
        ("u1", "i1", "view", _TIME + 3),
        ("u2", "i2", "addtocart", _TIME + 5),
    ]


def test_a_line_that_is_being_written_is_left_for_the_next_night(tmp_path: Path) -> None:
    log = tmp_path / "log"
    _write(log / "data.json.1", _event("u1", "i1", _TIME), end='\n{"message": "event", "us')
    _write(log / "data.json.2", end='{"message": "ev')  # no line is complete
    out = tmp_path / "out"
    out.mkdir()
    night, source = Night(_DAY, "shop", out), Source(kind="log", place=str(log))
    assert extract.work(source, night, out).metrics["unfinished_lines"] == 2
    rows = duckdb.execute(
        f"SELECT \"user\", item, event, timestamp FROM read_parquet('{out / extract.OUT}')"
    ).fetchall()
    assert rows == [("u1", "i1", "view", _TIME)]
    assert (log / "data.json.1").read_text().endswith('"us')


def test_a_broken_line_within_a_log_stops_the_night(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.mkdir()
    whole = json.dumps(_event("u1", "i1", _TIME))
    (log / "data.json.1").write_text(f'{whole}\n{{"message": "event", "us\n{whole}\n')
    with pytest.raises(StopNightError, match="cannot be read from log"):
        _extracted(Source(kind="log", place=str(log)), tmp_path / "out")


def test_logs_in_folders_are_read_as_every_command_reads_them(tmp_path: Path) -> None:
    log = tmp_path / "log"
    _write(log / "data.json", _event("u1", "i1", _TIME))
    _write(log / "worker-2" / "data.json", _event("u2", "i2", _TIME))
    _write(log / "_incoming" / "data.json", _event("half", "shipped", _TIME))
    found = _extracted(Source(kind="log", place=str(log)), tmp_path / "out")
    assert [user for user, *_ in found] == ["u1", "u2"]


def test_parquet_of_a_log_is_not_left_out_without_a_word(tmp_path: Path) -> None:
    log = tmp_path / "log"
    _write(log / "data.json", _event("u1", "i1", _TIME))
    duckdb.execute(f"COPY (SELECT 1 AS \"user\") TO '{log / 'data-0.parquet'}'")
    with pytest.raises(StopNightError, match="no Parquet"):
        _extracted(Source(kind="log", place=str(log)), tmp_path / "out")


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_files_with_the_four_columns(kind: str, tmp_path: Path) -> None:
    files = tmp_path / "events"
    files.mkdir()
    form = "FORMAT parquet" if kind == "parquet" else "HEADER"
    for name, values in (
        ("a", f"(2, 8, 'view', {_TIME + 1}, 'x'), (1, 9, 'transaction', {_NEXT_DAY}, 'x')"),
        ("b", f"(1, 7, 'addtocart', {_TIME}, 'x')"),
    ):
        duckdb.execute(
            f'COPY (SELECT * FROM (VALUES {values}) t("user", item, event, timestamp, other)) '
            f"TO '{files / name}.{kind}' ({form})"
        )
    expected = [("1", "7", "addtocart", _TIME), ("2", "8", "view", _TIME + 1)]
    assert _extracted(Source(kind=kind, place=str(files)), tmp_path / "out") == expected
    one = _extracted(Source(kind=kind, place=str(files / f"a.{kind}")), tmp_path / "one")
    assert one == expected[1:]
    with pytest.raises(StopNightError, match="no events are there"):
        _extracted(Source(kind=kind, place=str(tmp_path / "nowhere")), tmp_path / "none")


def test_parquet_without_a_column_says_which(tmp_path: Path) -> None:
    file = tmp_path / "events.parquet"
    duckdb.execute(f"COPY (SELECT 1 AS \"user\", 2 AS item, 'view' AS event) TO '{file}'")
    with pytest.raises(StopNightError, match="timestamp"):
        _extracted(Source(kind="parquet", place=str(file)), tmp_path / "out")


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_impressions_in_a_file_are_no_events_and_are_counted(kind: str, tmp_path: Path) -> None:
    form = "FORMAT parquet" if kind == "parquet" else "HEADER"
    duckdb.execute(
        f"COPY (SELECT * FROM (VALUES ('u1', 'i1', 'impression', {_TIME}), "
        f"('u1', 'i1', 'view', {_TIME + 1})) t(\"user\", item, event, timestamp)) "
        f"TO '{tmp_path / 'events'}.{kind}' ({form})"
    )
    source = Source(kind=kind, place=str(tmp_path))
    out = tmp_path / "out"
    out.mkdir()
    metrics = extract.work(source, Night(_DAY, "shop", out), out).metrics
    assert (metrics["events"], metrics["impressions_left_out"]) == (1, 1)


def test_lines_of_a_shipped_log_in_parquet_are_events_once(tmp_path: Path) -> None:
    rows = (
        f"('event', 'u1', 'i1', 'view', {_TIME}, 'a'), ('event', 'u1', 'i1', 'view', {_TIME}, 'a')"
        f", ('recommend', 'u1', NULL, NULL, {_TIME}, NULL)"
    )
    duckdb.execute(
        f'COPY (SELECT * FROM (VALUES {rows}) t(message, "user", item, event, timestamp, id)) '
        f"TO '{tmp_path / 'data.parquet'}'"
    )
    found = _extracted(Source(kind="parquet", place=str(tmp_path)), tmp_path / "out")
    assert found == [("u1", "i1", "view", _TIME)]
