"""The log's figures are counted in the background: the newest part of a large log, whole lines."""

import json
import os
from pathlib import Path

import pytest

from botify.shop.owner import report
from botify.shop.owner.report import OwnerReport, newest


def write(path: Path, users: int, at: int, modified: int) -> None:
    """Views of so many visitors."""
    rows = (
        {"message": "event", "timestamp": at, "user": str(user), "item": "x", "event": "view",
         "id": f"{path.name}-{user}"}
        for user in range(users)
    )  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    os.utime(path, (modified, modified))


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time of the report, in s; it may be changed."""
    clock = [1000.0]
    monkeypatch.setattr(report.time, "time", lambda: clock[0])
    return clock


def views(of: OwnerReport) -> int:
    found = of.of(1, wait=30).figures
    assert found is not None
    return found.funnel[0].events


def test_all_files_are_counted_and_kept_for_a_while(tmp_path: Path, now: list[float]) -> None:
    write(tmp_path / "data.json.0", 300, 999_000, 10)
    write(tmp_path / "data.json.1", 5, 999_000, 20)
    of = OwnerReport(tmp_path)
    assert views(of) == 305
    write(tmp_path / "data.json.2", 7, 999_000, 30)
    assert views(of) == 305
    now[0] += report.FRESH_SECONDS
    of.of(1, wait=0)  # begins to read again
    assert views(of) in (305, 312)
    now[0] += 2 * report.FRESH_SECONDS
    of.of(1, wait=30)
    assert views(of) == 312


def test_of_a_large_log_the_newest_lines_are_read_and_the_rest_is_told(tmp_path: Path) -> None:
    write(tmp_path / "data.json.0", 50, 999_000, 10)
    write(tmp_path / "data.json.1", 50, 999_000, 20)
    size = (tmp_path / "data.json.1").stat().st_size
    parts, out = newest(tmp_path, size + 10)
    assert [(path.name, taken) for path, _, taken in parts] == [
        ("data.json.1", size),
        ("data.json.0", 10),
    ]
    assert out == (tmp_path / "data.json.0").stat().st_size - 10


def test_a_part_of_a_file_begins_with_a_whole_line(tmp_path: Path, now: list[float]) -> None:
    path = tmp_path / "data.json"
    write(path, 10, 999_000, 10)
    lines = path.read_bytes().splitlines(keepends=True)
    of = OwnerReport(tmp_path, sum(map(len, lines[7:])) + 3)
    found = of.of(1, wait=30)
    assert found.figures is not None
    assert (found.figures.funnel[0].events, found.figures.malformed) == (3, 0)
    assert found.left_out == sum(map(len, lines[:7])) - 3


def test_a_line_that_is_not_whole_waits_and_one_that_is_broken_is_counted(
    tmp_path: Path, now: list[float]
) -> None:
    path = tmp_path / "data.json"
    write(path, 2, 999_000, 10)
    with path.open("ab") as file:
        file.write(b'{"broken\n{"message": "event"')
    found = OwnerReport(tmp_path).of(1, wait=30)
    assert found.figures is not None
    assert (found.figures.funnel[0].events, found.figures.malformed) == (2, 1)
