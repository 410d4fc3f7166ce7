"""Logs as other programs write them: read by one rule, or named as what they are."""

import bz2
import decimal
import gzip
import json
import lzma
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contract.golden import golden_cases
from offline.logs.bad_lines import LONGEST_LINE
from offline.logs.reader import open_logs

from .log_checks import refusal, rows

Make = Callable[..., Any]
MS = 1_700_000_000_000


def test_ids_are_those_of_the_contract(write_log: Make, event: Make) -> None:
    cases = [case for case in golden_cases("ids") if not isinstance(case["value"], str)]
    path = write_log([event(user=case["value"]) for case in cases] + [event(user=7)])
    with open_logs([path]) as log:
        expected = [(case["digits"],) for case in cases if case["digits"]]
        assert rows(log, "user_id") == [*expected, ("7",)]
        assert [bad.line for bad in log.bad] == [
            number for number, case in enumerate(cases, 1) if not case["digits"]
        ]


def test_ids_in_a_column_of_text_are_those_of_the_contract(event: Make, tmp_path: Path) -> None:
    cases = [case for case in golden_cases("ids") if isinstance(case["value"], str)]
    fields = [event(user=case["value"]) for case in cases]
    pq.write_table(pa.Table.from_pylist(fields), tmp_path / "data.parquet")
    with open_logs([tmp_path]) as log:
        assert rows(log, "user_id") == [(case["digits"],) for case in cases if case["digits"]]
        assert log.bad_lines == sum(not case["digits"] for case in cases)
        assert any("zeros in front of user ids do not count" in note for note in log.notes)


def test_numbers_as_pandas_writes_them_beside_nulls(write_log: Make, event: Make) -> None:
    fields = {"user": 5.0, "track": 133.0, "recommendation": 2.0, "timestamp": float(MS)}
    lines = [event(**fields), event(recommendation=float("nan")), event(recommendation=2.5)]
    lines.append(event(message="last", latency=float("nan"), recommendation=None))
    with open_logs([write_log(lines)]) as log:
        assert rows(log, "user_id, track, recommendation, timestamp") == [
            ("5", 133, 2, MS),
            ("1", 7, None, MS),
            ("1", 7, None, MS),
        ]
        reason = "`recommendation` must be an integer or null, not 2.5"
        assert [(bad.line, bad.reason) for bad in log.bad] == [(3, reason)]


def test_experiments_may_be_json_within_a_text(write_log: Make, event: Make) -> None:
    lines = [event(experiments='{"E": "C"}'), event(experiments="C")]
    with open_logs([write_log(lines)]) as log:
        assert rows(log, "experiments") == [('{"E":"C"}',)]
        assert log.bad[0].reason.startswith("`experiments` must be an object")


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_byte_order_marks_are_no_part_of_lines(suffix: str, write_log: Make, event: Make) -> None:
    bom = "\ufeff"
    first = write_log([bom + json.dumps(event(user=1)), event(user=2)], f"data.json{suffix}")
    # As `cat` puts files together.
    second = write_log(
        [event(user=3), bom + json.dumps(event(user=4)), "{"], f"data.json.1{suffix}"
    )
    with open_logs([first, second]) as log:
        assert rows(log, "user_id") == [("1",), ("2",), ("3",), ("4",)]
        assert [(bad.path, bad.line) for bad in log.bad] == [(second, 3)]


@pytest.mark.parametrize("zeros", [1, 2, 3, 4, 8, 512, 70_000])
def test_zeros_after_a_gzip_are_passed_over(zeros: int, write_log: Make, event: Make) -> None:
    path = write_log([event(user=1), event(user=2)], "data.json.gz")
    path.write_bytes(path.read_bytes() + bytes(zeros))
    with open_logs([path]) as log:
        assert (log.lines, log.bad_lines) == (2, 0)


def test_zeros_between_members_of_a_gzip_are_passed_over(write_log: Make, event: Make) -> None:
    path = write_log([event()], "data.json.gz")
    path.write_bytes(path.read_bytes() + bytes(100) + path.read_bytes())
    with open_logs([path]) as log:
        assert (log.lines, log.bad_lines) == (2, 0)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_line_too_long_is_a_bad_line(suffix: str, write_log: Make, event: Make) -> None:
    long = json.dumps(event(comment="x" * (2 * LONGEST_LINE + 100)))
    path = write_log([event(user=1), long, event(user=2), "{"], f"data.json{suffix}")
    with open_logs([path]) as log:
        assert rows(log, "user_id") == [("1",), ("2",)]
        assert [bad.line for bad in log.bad] == [2, 4]
        assert (
            log.bad[0].reason
            == f"a line of {len(long):,} bytes; one of 16,777,216 or more is no event"
        )


def test_a_line_too_long_that_is_no_event_either_is_told_by_its_length(
    write_log: Make, event: Make
) -> None:
    long = json.dumps({"message": "next", "comment": "x" * (LONGEST_LINE + 100)})
    with open_logs([write_log([event(user=1), long, event(user=2), "{"])]) as log:
        assert [bad.line for bad in log.bad] == [2, 4]
        assert log.bad[0].reason.startswith(f"a line of {len(long):,} bytes; ")
        assert log.bad[1].reason.startswith("cut off")


@pytest.mark.parametrize("mark", ["\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028"])
def test_what_is_no_newline_ends_no_line(mark: str, write_log: Make, event: Make) -> None:
    two = json.dumps(event(user=2)) + mark + json.dumps(event(user=3))
    inside = json.dumps(event(user=4, session=f"a{mark}b"), ensure_ascii=mark < " ")
    path = write_log([event(user=1), two, inside])
    with open_logs([path]) as log:
        assert rows(log, "user_id") == [("1",), ("4",)]
        assert [bad.line for bad in log.bad] == [2]
        assert rows(log, "session")[1] == (f"a{mark}b",)


def test_the_commonest_reason_is_told(write_log: Make, event: Make) -> None:
    lines = [event(), "{", event(track=-1), event(track="x"), event(time=2)]
    with open_logs([write_log(lines)]) as log:
        assert log.skipped.share == pytest.approx(0.8)
        assert log.skipped.faults == {"line": 1, "track": 2, "time": 1}
        assert log.skipped.commonest == "no `track`, or not a non-negative integer"


def test_of_a_key_that_comes_twice_the_reason_names_the_value_that_was_read(
    write_log: Make, event: Make
) -> None:
    line = json.dumps(event(track=-1))[:-1] + ', "track": 5}'
    with open_logs([write_log([event(), line])]) as log:
        assert log.bad[0].reason == "`track` must be a non-negative integer, not -1"


def table(events: list[dict[str, Any]], **columns: pa.Array) -> pa.Table:
    arrays = {name: pa.array([event[name] for event in events]) for name in events[0]}
    return pa.table(arrays | columns)


EVENTS = [
    {"message": "next", "timestamp": MS, "user": 5, "track": 7, "time": 0.5, "latency": 0.25}
    | {"recommendation": 8, "experiments": {"E": "C"}, "session": "a"},
    {"message": "last", "timestamp": MS + 5, "user": 5, "track": 8, "time": 0.0, "latency": None}
    | {"recommendation": None, "experiments": {"E": "C"}, "session": "a"},
]
STAMPS = pd.to_datetime([MS, MS + 5], unit="ms")
PAIRS = [("E", "C")]
COLUMNS: dict[str, dict[str, pa.Array]] = {
    **{
        f"datetime64[{unit}]{' UTC' if zone else ''}": {
            "timestamp": pa.array(
                STAMPS.to_numpy().astype(f"datetime64[{unit}]"), pa.timestamp(unit, zone)
            )
        }
        for unit in ("ms", "us", "ns")
        for zone in ("UTC", None)
    },
    "another zone": {
        "timestamp": pa.array(
            STAMPS.to_numpy().astype("datetime64[ms]"), pa.timestamp("ms", "Asia/Tokyo")
        )
    },
    "texts of times": {"timestamp": pa.array([f"{time.isoformat()}Z" for time in STAMPS])},
    "ns": {"timestamp": pa.array([MS * 10**6, (MS + 5) * 10**6])},
    "doubles": {
        **{name: pa.array([float(event[name]) for event in EVENTS]) for name in ("user", "track")},
        "timestamp": pa.array([float(MS), float(MS + 5)]),
        "recommendation": pa.array(np.array([8, np.nan]), from_pandas=False),
        "latency": pa.array(np.array([0.25, np.nan]), from_pandas=False),
    },
    "single precision": {
        "user": pa.array([5, 5], pa.float32()),
        "recommendation": pa.array(np.array([8, np.nan], np.float32), from_pandas=False),
        "time": pa.array([0.5, 0], pa.float16()),
    },
    "decimals": {
        "user": pa.array([decimal.Decimal("5.00")] * 2),
        "track": pa.array([decimal.Decimal("7"), decimal.Decimal("8")]),
        "timestamp": pa.array([decimal.Decimal(MS), decimal.Decimal(MS + 5)]),
        "time": pa.array([decimal.Decimal("0.50"), decimal.Decimal(0)]),
    },
    "unsigned": {
        "user": pa.array([5, 5], pa.uint64()),
        "track": pa.array([7, 8], pa.uint16()),
        "timestamp": pa.array([MS, MS + 5], pa.uint64()),
        "recommendation": pa.array([8, None], pa.uint64()),
    },
    "large strings": {
        "message": pa.array(["next", "last"], pa.large_string()),
        "session": pa.array(["a", "a"], pa.large_string()),
        "user": pa.array(["5", "0005"], pa.large_string()),
    },
    "dictionaries": {
        "message": pa.array(["next", "last"]).dictionary_encode(),
        "user": pa.array([5, 5]).dictionary_encode(),
        "track": pa.array([7, 8]).dictionary_encode(),
    },
    "bytes": {"message": pa.array([b"next", b"last"])},
    "a struct of all": {"experiments": pa.array([{"E": "C", "F": None}] * 2)},
    "a map": {"experiments": pa.array([PAIRS] * 2, pa.map_(pa.string(), pa.string()))},
    "pairs": {"experiments": pa.array([[list(pair) for pair in PAIRS]] * 2)},
    "entries": {"experiments": pa.array([[{"key": "E", "value": "C"}]] * 2)},
    "JSON": {"experiments": pa.array(['{"E": "C"}'] * 2)},
}


@pytest.mark.parametrize("name", COLUMNS)
def test_parquet_of_every_type_holds_the_same_events(name: str, tmp_path: Path) -> None:
    pq.write_table(table(EVENTS, **COLUMNS[name]), tmp_path / "data.parquet")
    with open_logs([tmp_path]) as log:
        assert [str(bad) for bad in log.bad] == []
        columns = "message, timestamp, user_id, track, time, latency, recommendation, session"
        assert rows(log, columns) == [
            ("next", MS, "5", 7, 0.5, 0.25, 8, "a"),
            ("last", MS + 5, "5", 8, 0.0, None, None, "a"),
        ]
        found = [json.loads(experiments) for (experiments,) in rows(log, "experiments")]
        assert [{k: v for k, v in one.items() if v} for one in found] == [{"E": "C"}] * 2
        assert log.unit == ("ns" if name == "ns" else "ms")


def test_fractions_and_lost_digits_in_parquet_are_bad_rows(tmp_path: Path) -> None:
    odd = {
        "user": pa.array([5.5, 1e17]),
        "recommendation": pa.array([8.4, None]),
        "track": pa.array([decimal.Decimal("7.5"), decimal.Decimal("8.0")]),
    }
    for field, column in odd.items():
        good, bad = tmp_path / "data1.parquet", tmp_path / "data2.parquet"
        pq.write_table(table(EVENTS), good)
        pq.write_table(table(EVENTS, **{field: column}), bad)
        with open_logs([good, bad]) as log:
            assert log.skipped.faults == {field: 2 if field == "user" else 1}
            assert log.bad[0].reason.startswith(f"`{field}` must be ")


def test_a_part_without_rows_is_no_obstacle(event: Make, tmp_path: Path) -> None:
    pq.write_table(table(EVENTS), tmp_path / "data1.parquet")
    # pandas gives an empty column no type of use.
    nothing = pd.DataFrame(columns=list(EVENTS[0]))
    nothing.to_parquet(tmp_path / "data2.parquet")
    pq.write_table(table(EVENTS).slice(0, 0), tmp_path / "data3.parquet")
    with open_logs([tmp_path]) as log:
        assert (log.lines, log.bad_lines, len(log.files)) == (2, 0, 3)


def test_a_column_of_nulls_costs_its_rows_and_no_more(tmp_path: Path) -> None:
    pq.write_table(table(EVENTS), tmp_path / "data1.parquet")
    pq.write_table(table(EVENTS, recommendation=pa.nulls(2)), tmp_path / "data2.parquet")
    pq.write_table(table(EVENTS, experiments=pa.nulls(2)), tmp_path / "data3.parquet")
    with open_logs([tmp_path]) as log:
        assert (log.lines, log.bad_lines) == (6, 2)
        assert {bad.reason for bad in log.bad} == {"no `experiments`"}


def zipped(path: Path, content: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.json", content)


LINE = json.dumps(EVENTS[0]).encode()
OTHERS: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
    "bzip2": ("data.json.bz2", bz2.compress, "this is bzip2"),
    "xz": ("data.json.xz", lzma.compress, "this is xz"),
    "gzip of another name": ("data.json", gzip.compress, "this is gzip: give it a name"),
    "text named gzip": ("data.json.gz", bytes, "this is text, not gzip"),
    "CSV": ("data.json", lambda _: pd.DataFrame(EVENTS).to_csv().encode(), "this is CSV"),
    "TSV": ("data.json", lambda _: b"message\ttimestamp\tuser\nnext\t1\t2\n", "apart by tabs"),
    "an array": ("data.json", lambda line: b"[" + line + b"]", "this is an array of JSON"),
    "an array over lines": (
        "data.json",
        lambda line: b"[\n" + line + b",\n" + line + b"\n]\n",
        "this is an array of JSON",
    ),
    "pretty JSON": (
        "data.json",
        lambda line: json.dumps(json.loads(line), indent=1).encode(),
        "this is JSON over several lines",
    ),
    "UTF-16": ("data.json", lambda line: line.decode().encode("utf-16"), "this is UTF-16"),
    "UTF-16 without a mark": (
        "data.json",
        lambda line: line.decode().encode("utf-16-le"),
        "this is UTF-16",
    ),
    "HTML": ("data.json", lambda _: b"<!DOCTYPE html><html>404</html>", "this is HTML"),
    "carriage returns": (
        "data.json",
        lambda line: line.strip() + b"\r" + line,
        "carriage returns",
    ),
    "CSV within gzip": (
        "data.json.gz",
        lambda _: gzip.compress(b"message,timestamp,user\nnext,1,2\n"),
        "this is CSV",
    ),
    "Parquet of another name": (
        "data.json",
        lambda _: parquet_bytes(),
        "this is Parquet",
    ),
}


def parquet_bytes() -> bytes:
    out = pa.BufferOutputStream()
    pq.write_table(table(EVENTS), out)
    found: bytes = out.getvalue().to_pybytes()
    return found


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_log_is_named_as_what_it_is(name: str, tmp_path: Path, write_log: Make) -> None:
    file, make, message = OTHERS[name]
    path = tmp_path / "odd" / file
    path.parent.mkdir()
    path.write_bytes(make(LINE + b"\n"))
    good = write_log([LINE.decode()])
    # Beside a good log too: it must not go down as some bad lines.
    for paths in ([path], [good, path.parent]):
        said = refusal(*paths)
        assert said.startswith(f"{path}: ")
        assert message in said


def test_a_zip_archive_is_named(tmp_path: Path) -> None:
    zipped(tmp_path / "data.json.zip", LINE)
    assert "this is a zip archive" in refusal(tmp_path)


def test_logs_of_sub_folders_are_read_and_told_of(
    write_log: Make, event: Make, tmp_path: Path
) -> None:
    for number, name in enumerate(("data.json", "host2/data.json", "a/b/c/data.json.1.gz"), 1):
        write_log([event(user=number)], f"log/{name}")
    aside = write_log([event(user=9)], "log/_incoming/data.json")
    write_log(["no log"], "log/host2/notes.txt")
    for given in (tmp_path / "log", tmp_path / "l*"):
        with open_logs([given]) as log:
            assert sorted(rows(log, "user_id")) == [("1",), ("2",), ("3",)]
            assert aside not in log.files
            assert log.notes == (
                f"{tmp_path}/log: 2 logs of 2 sub-folders read as well: a/b/c, host2",
                f"{tmp_path}/log: 1 log not read, in folders whose names begin with _ or .: "
                "_incoming",
            )


def test_logs_of_sub_folders_alone_are_read(write_log: Make, event: Make, tmp_path: Path) -> None:
    path = write_log([event()], "log/host/data.json")
    (tmp_path / "log/loop").symlink_to(tmp_path / "log")
    with open_logs([tmp_path / "log"]) as log:
        assert log.files == (path,)


def test_a_time_of_a_text_is_utc(write_log: Make, event: Make) -> None:
    stamp = datetime.fromtimestamp(MS / 1000, UTC)
    lines = [event(timestamp=stamp.isoformat()), event(timestamp=f"{stamp:%F %T}")]
    with open_logs([write_log(lines)]) as log:
        assert rows(log, "timestamp") == [(MS,), (MS,)]
