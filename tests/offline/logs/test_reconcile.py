"""Served, logged, shipped, analysed: every event that is missing is found, with its hour."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from offline.cli import main
from offline.logs.hourly import hour_of, hour_text
from offline.logs.reconcile import Stage, reconcile

MS = 3_600_000


def event(hour: int, number: int, **changes: Any) -> dict[str, Any]:
    return {
        "message": "last",
        "timestamp": hour * MS + number,
        "user": number % 4,
        "track": 1,
        "time": 0.5,
        "latency": 0.001,
        "experiments": {"DAY": "T1" if number % 2 else "C"},
        **changes,
    }


def write(path: Path, events: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(some) + "\n" for some in events))


def metrics(counts: dict[int, int]) -> str:
    return "# TYPE botify_events_total counter\n" + "".join(
        f'botify_events_total{{hour="{hour:02}"}} {counts.get(hour, 0)}.0\n' for hour in range(24)
    )


@pytest.fixture
def stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Two hours of events, the same at all stages."""
    monkeypatch.chdir(tmp_path)
    events = [event(hour, number) for hour in (1003, 1004) for number in range(20)]
    write(tmp_path / "log/data.json", events)
    write(tmp_path / "shipped/data.json.1", events[:25])
    write(tmp_path / "shipped/data.json.2", events[25:])
    (tmp_path / "served.prom").write_text(metrics({1003 % 24: 20, 1004 % 24: 20}))
    analysed = CliRunner().invoke(
        main, ["analyze", "shipped", "--experiment", "DAY", "--json", "effects.json"]
    )
    assert analysed.exit_code == 0, analysed.output
    return events


@pytest.fixture
def call(stages: list[dict[str, Any]]) -> Callable[..., Result]:
    def call(**changes: str | None) -> Result:
        options: dict[str, str | None] = {
            "served": "served.prom",
            "logged": "log",
            "shipped": "shipped",
            "analysed": "effects.json",
            **changes,
        }
        words = [word for name, value in options.items() if value for word in (f"--{name}", value)]
        return CliRunner().invoke(main, ["reconcile", *words])

    return call


def test_nothing_is_missing(call: Callable[..., Result], tmp_path: Path) -> None:
    done = call(json="found.json")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [
        "hour (UTC)          served      logged     shipped    analysed",
        "1970-02-11T19           20          20          20          20",
        "1970-02-11T20           20          20          20          20",
        "all                     40          40          40          40",
        "Nothing is missing: 40 events at every stage.",
    ]
    assert json.loads((tmp_path / "found.json").read_text())["totals"] == [40] * 4


def test_the_service_lost_some(call: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "served.prom").write_text(metrics({19: 20, 20: 23}))
    done = call()
    assert done.exit_code == 1
    assert done.stdout.splitlines()[-1] == "1970-02-11T20: of 23 served, 3 were not logged"


def test_shipping_lost_some_and_doubled_some(
    call: Callable[..., Result], tmp_path: Path, stages: list[dict[str, Any]]
) -> None:
    write(tmp_path / "shipped/data.json.1", stages[:25] + stages[:2])
    write(tmp_path / "shipped/data.json.2", stages[26:])
    done = call(analysed=None)
    assert done.exit_code == 1
    assert done.stdout.splitlines()[-2:] == [
        "1970-02-11T19: 2 more shipped than logged (20)",
        "1970-02-11T20: of 20 logged, 1 were not shipped",
    ]


def test_the_analysis_read_an_earlier_state(
    call: Callable[..., Result], tmp_path: Path, stages: list[dict[str, Any]]
) -> None:
    for name in ("log/data.json", "shipped/data.json.3"):
        write(tmp_path / name, [*stages, event(1005, 1)] if "log" in name else [event(1005, 1)])
    done = call(served=None)
    assert done.exit_code == 1
    assert "1970-02-11T21: of 1 shipped, 1 were not analysed" in done.stdout


def test_lives_of_a_service_add_up(call: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "served.prom").write_text(metrics({19: 20, 20: 5}))
    (tmp_path / "second.prom").write_text(metrics({20: 15}))
    done = CliRunner().invoke(
        main,
        ["reconcile", "--served", "served.prom", "--served", "second.prom", "--logged", "log"],
    )
    assert done.exit_code == 0, done.output


def test_days_are_compared_by_hour_of_the_day() -> None:
    logged = Stage("logged", {1003: 5, 1003 + 24: 6, 1010: 1})
    assert not reconcile(Counter({19: 11, 2: 1}), [logged]).missing
    found = reconcile(Counter({19: 12, 2: 1}), [logged])
    assert found.missing == ("19 h: of 12 served, 1 were not logged",)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"served": "effects.json"}, "effects.json: no botify_events_total there"),
        ({"served": "gone.prom"}, "gone.prom: "),
        ({"served": "http://127.0.0.1:9/metrics"}, "http://127.0.0.1:9/metrics: "),
        ({"analysed": "log/data.json"}, "log/data.json: not from `botify-offline analyze --json`"),
        ({"served": None, "logged": None, "shipped": None}, "give at least two of --served"),
    ],
)
def test_bad_input(
    call: Callable[..., Result], changes: dict[str, str | None], words: str
) -> None:
    done = call(**changes)
    assert done.exit_code == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("hour", [0, 1003, -5, 490_000, 10**12])
def test_hours_are_read_as_they_are_written(hour: int) -> None:
    assert hour_of(hour_text(hour)) == hour
