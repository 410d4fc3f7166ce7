"""Reading event logs: every line is an event or is accounted for, by file and line."""

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from offline.errors import InputError
from offline.logs.reader import EventLog, open_logs

Make = Callable[..., Any]
COLUMNS = "message, timestamp, user_id, track, time, latency, experiments"


def rows(log: EventLog, columns: str = COLUMNS) -> list[tuple[Any, ...]]:
    return log.engine.rows(f"SELECT {columns} FROM events ORDER BY n")


def test_events_keep_their_values_and_the_order_of_lines(write_log: Make, event: Make) -> None:
    path = write_log([event(user=5, time=0.25), event(message="last", user=4, track=9, time=1)])
    with open_logs([path]) as log:
        assert (log.lines, log.bad_lines, log.bad) == (2, 0, ())
        assert rows(log) == [
            ("next", 1_700_000_000_000, "5", 7, 0.25, 0.01, '{"DAE_VS_CONTEXTUAL":"C"}'),
            ("last", 1_700_000_000_000, "4", 9, 1.0, 0.01, '{"DAE_VS_CONTEXTUAL":"C"}'),
        ]


def test_a_user_of_any_size_keeps_every_digit(write_log: Make, event: Make) -> None:
    with open_logs([write_log([event(user=10**30), event(user=0)])]) as log:
        assert rows(log, "user_id") == [(str(10**30),), ("0",)]


@pytest.mark.parametrize(
    "line",
    [
        {"recommendation": ...},
        {"recommendation": None},
        {"message": "last", "latency": None, "recommendation": None},
        {"message": "last", "latency": ...},
        {"session": "a", "rank": None, "propensity": 0.5, "unknown": {"deep": [1]}},
        {"session": None},
        {"time": 0},
        {"time": 1},
        {"time": 1e-3},
        {"experiments": {}},
        {"experiments": {"A": "C", 'quo"ted': "T1", "off": None}},
    ],
)
def test_lines_that_the_protocol_allows_are_events(
    line: dict[str, Any], write_log: Make, event: Make
) -> None:
    with open_logs([write_log([event(**line)])]) as log:
        assert (log.lines, log.bad_lines) == (1, 0)


BAD_FIELDS: list[tuple[dict[str, Any], str]] = [
    *(
        ({field: change}, f"no `{field}`")
        for field in ("message", "timestamp", "user", "track", "time", "experiments", "latency")
        for change in (..., None)
    ),
    ({"message": "play"}, '`message` must be "next" or "last", not "play"'),
    ({"message": 1}, '`message` must be "next" or "last", not 1'),
    ({"timestamp": 1.5}, "`timestamp` must be an integer (ms since the epoch), not 1.5"),
    ({"timestamp": "2024"}, '`timestamp` must be an integer (ms since the epoch), not "2024"'),
    ({"user": "12"}, '`user` must be a non-negative integer, not "12"'),
    ({"user": -1}, "`user` must be a non-negative integer, not -1"),
    ({"user": 1.5}, "`user` must be a non-negative integer, not 1.5"),
    ({"user": True}, "`user` must be a non-negative integer, not true"),
    ({"track": 3.7}, "`track` must be a non-negative integer, not 3.7"),
    ({"track": 10**20}, "`track`: a value outside the range that can be stored"),
    ({"time": 1.01}, "`time` must be a number from 0 to 1, not 1.01"),
    ({"time": "0.5"}, '`time` must be a number from 0 to 1, not "0.5"'),
    ({"time": float("nan")}, "`time` must be a number from 0 to 1, not NaN"),
    ({"latency": -0.1}, "`latency` must be a number of seconds, 0 or more, not -0.1"),
    ({"latency": "fast"}, '`latency` must be a number of seconds, 0 or more, not "fast"'),
    ({"latency": float("inf")}, "`latency` must be a number of seconds, 0 or more, not Infinity"),
    ({"recommendation": "x"}, '`recommendation` must be an integer or null, not "x"'),
    ({"experiments": "C"}, '`experiments` must be an object {experiment: treatment}, not "C"'),
    (
        {"experiments": {"A": 1}},
        '`experiments` must be an object {experiment: treatment}, not {"A":1}',
    ),
]


@pytest.mark.parametrize(("fields", "reason"), BAD_FIELDS, ids=lambda value: str(value))
def test_a_bad_field_is_named_and_its_line_skipped(
    fields: dict[str, Any], reason: str, write_log: Make, event: Make
) -> None:
    path = write_log([event(), "", event(**fields), event(user=2)])
    with open_logs([path]) as log:
        assert (log.lines, log.bad_lines) == (3, 1)
        assert [str(bad) for bad in log.bad] == [f"{path}:3: {reason}"]
        assert rows(log, "user_id") == [("1",), ("2",)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"message": "next", "timest', "cut off after 27 characters"),
        ('{"message": "next", ', "cut off after 19 characters"),
        ('{"message": "ne{"message": "last"}', "not JSON (Expecting ',' delimiter"),
        ("[1, 2]", "not a JSON object"),
        ("null", "not a JSON object"),
        ("hello", "not JSON (Expecting value at character 1)"),
        ("\0\0\0", "3 zero bytes"),
    ],
)
def test_a_line_that_is_no_json_object_is_named(
    line: str, reason: str, write_log: Make, event: Make
) -> None:
    path = write_log([event(), line, event()])
    with open_logs([path]) as log:
        assert (log.lines, log.bad_lines) == (3, 1)
        assert str(log.bad[0]).startswith(f"{path}:2: {reason}")


def test_bytes_that_are_no_text_cost_only_their_line(
    write_log: Make, event: Make, tmp_path: Path
) -> None:
    whole = json.dumps(event()).encode()
    path = tmp_path / "data.json"
    path.write_bytes(whole + b"\n" + whole.replace(b"next", b"n\xff\xfe") + b"\r\n" + whole)
    with open_logs([path]) as log:
        assert (log.lines, log.bad_lines) == (3, 1)
        assert re.fullmatch(rf"{re.escape(str(path))}:2: not UTF-8 text .*", str(log.bad[0]))


def test_fast_and_precise_rule_agree_on_damaged_logs(make_events: Make, write_log: Make) -> None:
    """Cut lines at random places: each that is no longer whole is named, and none other."""
    rng = np.random.default_rng(5)
    lines = [json.dumps(event) for event in make_events(n_users=60)]
    damaged = sorted(rng.choice(len(lines), 100, replace=False).tolist())
    for index in damaged:
        lines[index] = lines[index][: int(rng.integers(1, len(lines[index])))]
    path = write_log(lines)
    with open_logs([path]) as log:
        assert log.lines == len(lines)
        assert log.bad_lines == 100
        assert [bad.line for bad in log.bad] == [index + 1 for index in damaged]
        assert all("cut off" in bad.reason for bad in log.bad)


def test_bad_lines_are_named_in_their_own_file(write_log: Make, event: Make) -> None:
    first = write_log([event(), "{"], "data.json")
    second = write_log([event(), event(), "{", event()], "data.json.1.gz")
    third = write_log(["{", event()], "data.json.2")
    with open_logs([first.parent]) as log:
        assert log.files == (first, second, third)
        assert (log.lines, log.bad_lines) == (8, 3)
        assert [(bad.path, bad.line) for bad in log.bad] == [(first, 2), (second, 3), (third, 1)]


def test_a_cut_gzip_gives_its_whole_lines_and_says_where_it_ends(
    make_events: Make, tmp_path: Path
) -> None:
    text = "".join(json.dumps(event) + "\n" for event in make_events()).encode()
    path = tmp_path / "data.json.gz"
    path.write_bytes(gzip.compress(text)[:-2000])
    with open_logs([path]) as log:
        kept = len(rows(log))
        assert 0 < kept < text.count(b"\n")
        assert (log.lines, log.bad_lines) == (kept + 1, 1)
        cut = "the gzip stream is cut off here; what followed is lost"
        assert str(log.bad[0]) == f"{path}:{kept + 1}: {cut}"


def test_a_gzip_with_a_wrong_checksum_is_reported(write_log: Make, event: Make) -> None:
    path = write_log([event(), event()], "data.json.gz")
    content = path.read_bytes()
    path.write_bytes(content[:-8] + b"\1\2\3\4" + content[-4:])
    with open_logs([path]) as log:
        assert (log.lines, log.bad_lines) == (3, 1)
        assert "CRC check failed" in log.bad[0].reason


def test_a_gzip_of_several_members_is_read_whole(
    write_log: Make, event: Make, tmp_path: Path
) -> None:
    path = write_log([event(), event()], "data.json.gz")
    path.write_bytes(path.read_bytes() * 2)
    with open_logs([path]) as log:
        assert (log.lines, log.bad_lines) == (4, 0)


def test_a_zstd_is_read_whole_and_its_bad_lines_are_named(write_log: Make, event: Make) -> None:
    path = write_log([event(), "{", event()], "data.json.1.zst")
    path.write_bytes(path.read_bytes() * 2)  # two frames
    with open_logs([path.parent]) as log:
        assert (log.files, log.lines, log.bad_lines) == ((path,), 6, 2)
        assert [bad.line for bad in log.bad] == [2, 5]


def test_a_cut_zstd_gives_its_whole_lines_and_says_where_it_ends(
    make_events: Make, write_log: Make
) -> None:
    path = write_log(make_events(), "data.json.zst")
    packed = path.read_bytes()
    path.write_bytes(packed[: len(packed) // 2])
    with open_logs([path]) as log:
        kept = len(rows(log))
        assert 0 < kept < len(make_events())
        assert str(log.bad[0]).startswith(f"{path}:{kept + 1}: the zstd stream is damaged here (")


def test_parts_by_date_belong_to_their_directory(
    write_log: Make, event: Make, tmp_path: Path
) -> None:
    first = write_log([event()], "data.json.1")
    dated = tmp_path / "dt=2026-11-28" / "data-1.parquet"
    dated.parent.mkdir()
    pq.write_table(pa.Table.from_pylist([event()]), dated)
    write_log(["nothing"], "_incoming/data.json.2")
    with open_logs([tmp_path]) as log:
        assert (log.files, log.lines, log.bad_lines) == ((first, dated), 2, 0)


def test_directories_patterns_and_odd_names_lead_to_files_once(
    write_log: Make, event: Make, tmp_path: Path
) -> None:
    odd = write_log([event(user=1)], "a[1]*/data.json")
    other = write_log([event(user=2)], "b/data.json.1")
    write_log(["not a log"], "b/notes.txt")
    with open_logs([odd.parent, tmp_path / "*" / "data.json*", other]) as log:
        assert log.files == (odd, other)
        assert rows(log, "user_id") == [("1",), ("2",)]


@pytest.mark.parametrize("shape", ["string", "struct", "map"])
def test_parquet_holds_the_same_events(
    shape: str, make_events: Make, write_log: Make, tmp_path: Path
) -> None:
    events = make_events(n_users=30)
    columns = {name: [event[name] for event in events] for name in events[0]}
    arrays = {name: pa.array(values) for name, values in columns.items()}
    if shape == "string":
        arrays["experiments"] = pa.array([json.dumps(e) for e in columns["experiments"]])
        arrays["user"] = pa.array([str(user) for user in columns["user"]])
        arrays["time"] = pa.array(columns["time"], pa.float32())
    if shape == "map":
        pairs = [list(experiments.items()) for experiments in columns["experiments"]]
        arrays["experiments"] = pa.array(pairs, pa.map_(pa.string(), pa.string()))
    path = tmp_path / "data.parquet"
    pq.write_table(pa.table(arrays), path)
    with open_logs([path]) as parquet, open_logs([write_log(events)]) as plain:
        assert parquet.lines == len(events)
        assert parquet.bad_lines == 0
        assert rows(parquet) == rows(plain)


def test_bad_rows_of_parquet_are_named(event: Make, tmp_path: Path) -> None:
    events = [event(), event(user=None), event(track=-1), event(time=2.0), event()]
    names = list(events[0])
    path = tmp_path / "data.parquet"
    pq.write_table(pa.table({name: [event[name] for event in events] for name in names}), path)
    with open_logs([path]) as log:
        assert (log.lines, log.bad_lines) == (5, 3)
        assert [str(bad) for bad in log.bad] == [
            f"{path}:2: no `user`",
            f"{path}:3: `track` must be a non-negative integer, not -1",
            f"{path}:4: `time` must be a number from 0 to 1, not 2.0",
        ]


def assert_refused(paths: list[Path], message: str) -> None:
    with pytest.raises(InputError) as refusal, open_logs(paths):
        pass
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_parquet_that_is_no_event_log_is_refused(event: Make, tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    pq.write_table(pa.table({"message": ["next"]}), path)
    assert_refused([path], f"{path} has no column `timestamp`")
    fields = {name: [value] for name, value in event(track="seven").items()}
    pq.write_table(pa.table(fields), path)
    assert_refused([path], f"{path}: column `track` is VARCHAR; it must be one of TINYINT")
    path.write_bytes(b"PAR?")
    assert_refused([path], f"{path} cannot be read: ")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "the log is empty: no line in "),
        (["", "   ", ""], "the log is empty: no line in "),
        (["{", "[]"], "none of the 2 lines of the log is an event; the first: "),
    ],
)
def test_a_log_without_events_is_refused(lines: list[str], message: str, write_log: Make) -> None:
    path = write_log(lines)
    assert_refused([path], f"{message}{path}")


def test_an_empty_gzip_is_an_empty_log(tmp_path: Path) -> None:
    (tmp_path / "data.json.gz").touch()
    assert_refused([tmp_path], "the log is empty")


def test_paths_that_lead_nowhere_are_refused(tmp_path: Path) -> None:
    assert_refused([tmp_path / "missing"], f"no such log: {tmp_path / 'missing'}")
    assert_refused([tmp_path / "data.json*"], f"no such log: {tmp_path / 'data.json*'}")
    assert_refused([tmp_path], f"no log in {tmp_path}: a directory of logs holds files named data")
    assert_refused([], "no logs given")
