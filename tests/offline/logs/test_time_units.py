"""Timestamps of every unit, known by their size."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contract.golden import golden_cases
from offline.logs.reader import open_logs

from .log_checks import refusal, rows

Make = Callable[..., Any]
MS = 1_700_000_000_000


@pytest.mark.parametrize("case", golden_cases("timestamps"), ids=str)
def test_timestamps_are_those_of_the_contract(
    case: dict[str, Any], write_log: Make, event: Make
) -> None:
    path = write_log([event(timestamp=case["value"])])
    if case["ms"] is None:
        assert "`timestamp`" in refusal(path)
        return
    with open_logs([path]) as log:
        assert rows(log, "timestamp") == [(case["ms"],)]
        assert log.unit == ("ms", "s", "ms", "us", "ns")[case["unit"]]
        assert bool(log.notes) == (log.unit != "ms")


@pytest.mark.parametrize("scale", [1000, 10**6], ids=["us", "ns"])
@pytest.mark.parametrize("kind", ["data.json", "data.parquet"])
def test_timestamps_of_two_units_are_refused_with_a_line_of_each(
    scale: int, kind: str, write_log: Make, event: Make, tmp_path: Path
) -> None:
    events = [event(), event(timestamp=(MS + 5) * scale)]
    if kind == "data.json":
        first = write_log(["", events[0], " ", events[1]])
        places = f"{first}:2", f"{first}:4"
    else:
        first = write_log(events[:1])
        second = tmp_path / kind
        pq.write_table(pa.Table.from_pylist(events[1:]), second)
        places = f"{first}:1", f"{second}:1"
    said = refusal(tmp_path)
    name = "microseconds" if scale == 1000 else "nanoseconds"
    assert f"in milliseconds at {places[0]} and in {name} at {places[1]}" in said


def test_a_clock_that_starts_at_0_is_in_ms_throughout(write_log: Make, event: Make) -> None:
    times = [0, 60_000_000, 999_000_000, 1_100_000_000, 5_000_000_000]
    with open_logs([write_log([event(timestamp=time) for time in times])]) as log:
        assert rows(log, "timestamp") == [(time,) for time in times]
        assert "a clock that started at 0" in log.notes[0]


@pytest.mark.parametrize(
    ("stray", "date"),
    [
        (5, "1970-01-01"),
        (-1_700_000_000_000, "1916-02-18"),
        (MS - 3 * 31_557_600_000, "2020-11-14"),
    ],
    ids=["tiny", "before-1970", "another-year"],
)
@pytest.mark.parametrize("scale", [1, 1000], ids=["ms", "us"])
def test_a_time_far_from_the_rest_is_told_with_its_place(
    stray: int, date: str, scale: int, write_log: Make, event: Make
) -> None:
    scaled = stray if stray == 5 else stray * scale
    times = [MS * scale, (MS + 9) * scale, scaled, scaled, MS * scale]
    path = write_log([event(timestamp=time) for time in times])
    with open_logs([path]) as log:
        told = log.notes[-1]
    assert told.startswith("2 of 5 lines have a time more than a year away from the rest")
    assert f"(2023-11-14 to 2023-11-14): the first, of {date}, at {path}:3" in told
    assert ("size tells no unit" in told) == (stray == 5)


def test_a_real_time_in_a_log_of_an_own_clock_is_told(write_log: Make, event: Make) -> None:
    path = write_log([event(timestamp=time) for time in [0, 60_000, MS, 90_000]])
    with open_logs([path]) as log:
        [told] = log.notes
    assert told.startswith("1 of 4 lines has a time more than a year away from the rest")
    assert told.endswith(f"of 2023-11-14, at {path}:3")


def test_a_log_of_many_years_without_a_gap_has_none_far_away(write_log: Make, event: Make) -> None:
    times = [MS - half * 15_000_000_000 for half in range(9)]
    with open_logs([write_log([event(timestamp=time) for time in times])]) as log:
        assert log.notes == ()
