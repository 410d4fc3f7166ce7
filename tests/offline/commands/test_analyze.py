"""`botify-offline collect` and `analyze` as a person in a shell meets them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from offline.cli import main
from offline.experiment.aggregates.aggregate import aggregate
from offline.experiment.stats.effects import as_frame, effect_table
from offline.logs.reader import open_logs

Make = Callable[..., Any]
EXPERIMENT = "DAE_VS_CONTEXTUAL"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_analyze_prints_verdict_table_and_quality_and_writes_the_page(
    make_events: Make, write_log: Make, tmp_path: Path
) -> None:
    events = make_events(n_users=100)
    log = write_log([*events, '{"cut'])
    words = ("--guardrail", "sessions=off")
    info = tmp_path / "run.json"
    info.write_text('{"treatments": {"T1": "DAE"}, "seed": 31337}')
    page = tmp_path / "out" / "report.html"
    result = run(
        "analyze", log, "--experiment", EXPERIMENT, "--out", page, "--run-info", info, *words
    )
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0].startswith("Ship DAE (T1): it beats C on session time by +")
    assert lines[2].split() == [
        *("treatment", "metric", "effect", "upper", "lower"),
        *("control_mean", "treatment_mean", "significant"),
    ]
    assert [line.split()[:2] for line in lines[3:7]] == [
        ["T1", "sessions"],
        ["T1", "mean_session_length"],
        ["T1", "mean_session_time"],
        ["T1", "mean_request_time"],
    ]
    assert len({len(line.rstrip()) for line in lines[2:7]}) == 1
    assert f"{len(events) + 1:,} lines; C: " in result.output
    assert f"{log}:{len(events) + 1}: cut off after 5 characters" in result.output
    assert lines[-1] == f"report: {page}"
    assert page.read_text().startswith("<!DOCTYPE html>")


def test_the_json_holds_the_table_and_is_the_same_each_time(
    make_events: Make, write_log: Make, tmp_path: Path
) -> None:
    log = write_log(make_events())
    texts = []
    for name in ("a.json", "b.json"):
        run("analyze", log, "--experiment", EXPERIMENT, "--json", tmp_path / name)
        texts.append((tmp_path / name).read_text())
    assert texts[0] == texts[1]
    found = json.loads(texts[0])
    with open_logs([log]) as opened:
        table = as_frame(effect_table(aggregate(opened, EXPERIMENT)))
    assert list(found["effects"][0]) == [*table.columns, "note"]
    for row, expected in zip(found["effects"], table.to_dict("records"), strict=True):
        row.pop("note")
        assert row == pytest.approx(expected)
    assert found["experiment"] == EXPERIMENT
    assert found["treatments"][0]["treatment"] == "C"
    assert found["log"]["bad_lines"] == 0


def test_undefined_values_are_null_in_json_and_a_dash_on_the_terminal(
    event: Make, write_log: Make, tmp_path: Path
) -> None:
    lines = [event(user=u, experiments={EXPERIMENT: arm}) for u, arm in enumerate(["C", "T1"])]
    out = tmp_path / "effects.json"
    result = run("analyze", write_log(lines), "--experiment", EXPERIMENT, "--json", out)
    assert result.exit_code == 0, result.output
    assert (
        "T1         mean_session_time         -      -      -             -               -"
        in (result.output)
    )
    assert "T1 mean_session_time: no user of C or T1 has a value" in result.output
    assert "nan" not in out.read_text().lower()
    assert json.loads(out.read_text())["effects"][2]["effect"] is None


def test_collect_tells_what_it_read_and_made(
    make_events: Make, write_log: Make, tmp_path: Path
) -> None:
    events = make_events()
    result = run("collect", write_log([*events, "{"]), "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert f"{len(events) + 1:,} lines of 1 file in " in result.output
    assert "1 bad line skipped:" in result.output
    assert f"data.json:{len(events) + 1}: cut off" in result.output
    summary = json.loads((tmp_path / "out" / "interactions.json").read_text())
    assert f"{summary['interactions']:,} interactions (time > 0.8)" in result.output
    assert summary["bad_lines"] == 1


def test_what_reading_took_for_granted_is_told_by_every_command(
    make_events: Make, write_log: Make, tmp_path: Path
) -> None:
    events = [
        event | {"timestamp": event["timestamp"] * 1000} for event in make_events(n_users=60)
    ]
    half = len(events) // 2
    first, last = (
        datetime.fromtimestamp(events[at]["timestamp"] / 1e6, UTC).date() for at in (0, -1)
    )
    log = write_log(events[:half], "log/data.json").parent
    stray = events[-1] | {"timestamp": 5}
    write_log([stray, *events[half:], "{", "{", '{"message": "play"}'], "log/host/data.json")
    out = tmp_path / "page.html"
    told = [
        "timestamps are in microseconds, as their size tells; read as milliseconds",
        f"{log}: 1 log of 1 sub-folder read as well: host",
        f"1 of {len(events) + 1:,} lines has a time more than a year away from the rest "
        f"({first} to {last}): the first, of 1970-01-01, at {log}/host/data.json:1: its size "
        "tells no unit, it is taken as milliseconds",
    ]
    reason = "not an object of JSON"
    analyze = "analyze", log, "--experiment", EXPERIMENT, "--out", out, "--json", tmp_path / "a"
    for words in (analyze, ("collect", log, "--out", tmp_path / "out"), ("plan", log)):
        result = run(*words)
        assert result.exit_code == 0, result.output
        for note in (*told, "3 bad lines skipped: 0.", f"most often {reason}"):
            assert note in result.output
    for note in (*told, reason):
        assert note in out.read_text()
    found = json.loads((tmp_path / "a").read_text())["log"]
    assert found["timestamps_in"] == "us"
    assert found["commonest_reason"] == reason
    assert set(found["notes"]) == set(told)
    summary = json.loads((tmp_path / "out" / "interactions.json").read_text())
    assert set(summary["notes"]) == set(told)
    assert summary["faults"] == {"line": 2, "message": 1}
    page = run("reconcile", "--logged", log, "--analysed", tmp_path / "a")
    assert all(f"logged: {note}" in page.output for note in told)


def test_collect_checks_the_catalog(event: Make, write_log: Make, tmp_path: Path) -> None:
    catalog = tmp_path / "tracks.json"
    catalog.write_text('{"track": 0}\n{"track": 1}\n')
    log = write_log([event(track=2)])
    result = run("collect", log, "--out", tmp_path / "out", "--catalog", catalog)
    assert result.exit_code == 2
    assert result.output.startswith("Error: track 2 is not in the catalog (tracks 0 to 1)")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["LOG", "--experiment", "X"], "experiment X is not in the logs; they have: DAE_VS"),
        (["LOG", "--experiment", EXPERIMENT], "has only C in the logs"),
        (["NOWHERE", "--experiment", "X"], "no such log"),
        (["LOG", "--experiment", "X", "--run-info", "NOWHERE"], "cannot be read"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    arguments: list[str], message: str, event: Make, write_log: Make, tmp_path: Path
) -> None:
    paths = {"LOG": write_log([event()]), "NOWHERE": tmp_path / "nowhere"}
    result = run("analyze", *(paths.get(argument, argument) for argument in arguments))
    assert result.exit_code == 2
    assert is_one_line(result.output)
    assert message in result.output


def is_one_line(output: str) -> bool:
    return output.startswith("Error: ") and output.count("\n") == 1


def test_a_page_that_cannot_be_written_is_named(
    make_events: Make, write_log: Make, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    out = tmp_path / "file" / "report.html"
    result = run("analyze", write_log(make_events()), "--experiment", EXPERIMENT, "--out", out)
    assert result.exit_code == 2
    assert f"Error: cannot write {out}: " in result.output
