"""Ids and times as people write them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from offline.data.interactions import Interactions

from .tables import EXPECTED, ROWS, Import, csv_text, rows_of, run


def test_numbers_beyond_64_bits_are_kept_as_text(tmp_path: Path) -> None:
    frame = pd.DataFrame({"user": np.array([1, 2**63 + 5] * 60, np.uint64), "item": range(120)})
    frame.to_parquet(tmp_path / "data.parquet")
    told = run(tmp_path / "data.parquet", tmp_path / "out")
    assert list(Interactions.load(tmp_path / "out").users) == ["1", str(2**63 + 5)]
    assert "no whole numbers of 64 bits" in told


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (("1", "2", "10"), [1, 2, 10]),
        (("1.0", "2.0", "10.0"), [1, 2, 10]),
        (("-1", "0", "5"), [-1, 0, 5]),
        (("1", "2", "007"), ["007", "1", "2"]),
        (("1", "2", "x"), ["1", "2", "x"]),
        (("1", "2", str(10**30)), ["1", str(10**30), "2"]),
        (("1", "2", str(2**63 - 1)), [1, 2, 2**63 - 1]),
        (("1", "2", str(2**63)), ["1", "2", str(2**63)]),
        (("1e5", "2", "3"), ["1e5", "2", "3"]),
    ],
)
def test_ids_are_numbers_where_all_are(
    ids: tuple[str, ...], expected: list[object], imported: Import
) -> None:
    _, data = imported(csv_text([(user, *row[1:]) for user in ids for row in ROWS[:12]]))
    assert list(data.users) == expected


@pytest.mark.parametrize(
    "ids", [("1.0", "2.0", "x1"), (f"{2**53 + 1}.0", f"{2**53 + 3}.0", f"{2**53 + 5}.0")]
)
def test_ids_that_look_like_numbers_and_are_kept_as_text_are_told(
    ids: tuple[str, ...], imported: Import
) -> None:
    told, data = imported(csv_text([(user, *row[1:]) for user in ids for row in ROWS[:12]]))
    assert list(data.users) == sorted(ids)
    assert "all are kept as text" in told


@pytest.mark.parametrize("bad", ["u" * 256, "\x01u", "u\x9f", '"u\n01"'])
def test_ids_that_no_list_may_have_are_bad_rows(bad: str, imported: Import) -> None:
    told, data = imported(csv_text([*ROWS, (bad, *ROWS[0][1:])]))
    assert rows_of(data) == EXPECTED
    assert "`user_id` must be a text of 1 to 255 characters without control characters" in told
    odd = f"é{'u' * 253}/"
    assert odd in list(imported(csv_text([*ROWS, (odd, *ROWS[0][1:])]))[1].users)


def test_ids_keep_the_type_that_the_source_has(imported: Import) -> None:
    texts = [json.dumps({"user": str(u), "item": i}) for u in range(3) for i in range(60)]
    _, data = imported("\n".join(texts), name="data.jsonl")
    assert (list(data.users), data.items[0]) == (["0", "1", "2"], 0)
    _, data = imported(csv_text([(1 + u, i, 1, 1e9) for u in range(3) for i in range(9)]))
    assert list(data.users) == [1, 2, 3]
    told, data = imported(
        csv_text([(1 + u, i, 1, 1e9) for u in range(3) for i in range(9)]), "--text-ids"
    )
    assert list(data.users) == ["1", "2", "3"]
    assert "only 9 items: lists cannot be longer" in told


def test_ids_of_mixed_types_are_refused_with_both_places(tmp_path: Path) -> None:
    lines = [{"user": 5, "item": "a"}, {"user": "x", "item": "b"}, {"user": "5", "item": "a"}]
    path = tmp_path / "data.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    told = run(path, tmp_path / "out", code=2)
    assert f"`user` is a number at {path}:1 and a text at {path}:2" in told
    run(path, tmp_path / "out", "--text-ids")
    assert list(Interactions.load(tmp_path / "out").users) == ["5", "x"]


@pytest.mark.parametrize(
    ("write", "unit"),
    [
        (lambda t: t, "seconds"),
        (lambda t: t * 1_000, "milliseconds"),
        (lambda t: t * 1_000_000, "microseconds"),
        (lambda t: t * 1_000_000_000, "nanoseconds"),
        (lambda t: f"{t}.0", "seconds"),
        (lambda t: datetime.fromtimestamp(t, UTC).isoformat(), "dates"),
        (lambda t: datetime.fromtimestamp(t, UTC).strftime("%Y-%m-%d %H:%M:%S"), "dates"),
        (
            lambda t: (
                datetime.fromtimestamp(t + 7200, UTC).strftime("%Y-%m-%dT%TZ")[:-1] + "+02:00"
            ),
            "dates",
        ),
    ],
)
def test_every_unit_of_time_is_told(
    write: Callable[[int], object], unit: str, imported: Import
) -> None:
    told, data = imported(csv_text([(*row[:3], write(row[3])) for row in ROWS]))
    assert f"times are in {unit}" in told
    assert rows_of(data) == EXPECTED


def test_two_units_are_refused_with_both_places(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text(csv_text([*ROWS, ("u00", "x", 1, 1_600_000_000_000)]))
    told = run(path, tmp_path / "out", code=2)
    assert f"seconds at {path}:2 and milliseconds at {path}:242" in told


def test_a_size_that_tells_no_unit_asks_for_it(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text(csv_text([(*row[:3], 5 + step) for step, row in enumerate(ROWS)]))
    assert f"as at {path}:2: say which with --time-unit" in run(path, tmp_path / "out", code=2)
    run(path, tmp_path / "out", "--time-unit", "s")
    assert Interactions.load(tmp_path / "out").summary.first_timestamp == 5_000
    run(path, tmp_path / "out", "--no-time")
    assert Interactions.load(tmp_path / "out").timestamp is None
