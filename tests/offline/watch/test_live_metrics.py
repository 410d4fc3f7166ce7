"""Which metrics a live page follows, and that it says of each what `analyze` says."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from offline.cli import main
from offline.errors import InputError
from offline.experiment.metric_files import built_in, read_metrics
from offline.experiment.metrics import Metrics
from offline.watch.live_metrics import check_live, correction

from .watching import Event, agrees, append, follow, judged, parts, text_of

OWN = """
metrics:
  heard:
    title: Tracks heard whole
    kind: ratio
    numerator: SUM(CASE WHEN time > 0.8 THEN 1 ELSE 0 END)
    denominator: COUNT(*)
    scale: 100
    unit: "%"
    direction: up
    role: primary
  slow_time:
    title: Time of slow answers
    numerator: SUM(CASE WHEN latency > 0.0015 THEN time END)
    direction: up
    role: primary
  {name}:
    title: Another
    numerator: {sql}
    direction: up
    role: primary
"""


def own(tmp_path: Path, sql: str = "COUNT(recommendation)") -> Metrics:
    path = tmp_path / "metrics.yml"
    path.write_text(OWN.format(name="another", sql=sql))
    return read_metrics(path)


@pytest.mark.parametrize("pieces", [1, 6])
def test_each_primary_metric_is_that_of_analyze(
    log: Path, events: list[Event], tmp_path: Path, pieces: int
) -> None:
    metrics = own(tmp_path)
    assert [metric.name for metric in metrics.primaries] == [
        "mean_session_time",
        "heard",
        "slow_time",
        "another",
    ]
    first, *rest = parts(events, pieces)
    append(log / "data.json", first)
    watcher = follow(log, metrics=metrics)
    for part in rest:
        append(log / "data.json", part)
        watcher.look()
    expected = judged(log, metrics=metrics)
    agrees(watcher, expected)
    told = watcher.told()
    assert [metric["name"] for metric in told["metrics"]] == [m.name for m in metrics.primaries]
    assert "(2 treatments × 4 primary metrics)" in told["correction"]
    assert "99.375 % (Bonferroni)" in told["correction"]
    heard = told["treatments"][0]["also"][0]
    users = expected.of("C")
    mean = users[metrics["heard"].above].sum() / users["lines"].sum()
    assert heard["mean"] == pytest.approx(100 * mean)  # in its unit


def test_one_comparison_is_not_corrected() -> None:
    assert correction(built_in().primaries, 1, 0.05) == (
        "one comparison: its interval holds at all looks at once with 95 %"
    )


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("COUNT(DISTINCT track)", "one SUM or one COUNT"),
        ("SUM(time) / COUNT(*)", "one SUM or one COUNT"),
        ("COUNT(CASE WHEN recommender <> own_recommender THEN 1 END)", '"own_recommender"'),
        ("SUM(part)", '"part"'),
        ("COUNT(session)", '"session"'),
    ],
)
def test_what_new_lines_cannot_be_added_to_is_refused(tmp_path: Path, sql: str, why: str) -> None:
    with pytest.raises(InputError, match="metric another cannot be followed live") as found:
        check_live(own(tmp_path, sql))
    assert why in str(found.value)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("command", [["watch"], ["analyze", "--watch"]], ids=" ".join)
@pytest.mark.parametrize("name", ["long_sessions", "fallbacks"])
def test_the_commands_refuse_it_in_one_line(command: list[str], name: str, log: Path) -> None:
    words = [*command, str(log), "--experiment", "E", "--primary", name]
    found = CliRunner().invoke(main, words)
    assert found.exit_code == 2
    [line] = found.output.splitlines()
    assert f"metric {name} cannot be followed live: " in line


def test_a_field_that_no_line_has_is_told(log: Path, tmp_path: Path, events: list[Event]) -> None:
    path = tmp_path / "metrics.yml"
    text = OWN.format(name="another", sql="COUNT(recommender)")
    path.write_text(text + "    needs: [recommender]\n")
    append(log / "data.json", text_of([e | {"recommender": None} for e in events[:500]]))
    told = follow(log, metrics=read_metrics(path)).told()
    assert "metric another: the log has no `recommender`" in told["notes"]


def test_a_ratio_over_less_than_nothing_is_refused(
    log: Path, tmp_path: Path, event: Callable[..., Event]
) -> None:
    path = tmp_path / "metrics.yml"
    text = OWN.format(name="another", sql="SUM(time)")
    path.write_text(text + "    kind: ratio\n    denominator: SUM(time - 2)\n")
    append(log / "data.json", text_of([event(), event(timestamp=1_800_000_000_000)]))
    with pytest.raises(InputError, match="metric another: its denominator is -1 for a user"):
        follow(log, metrics=read_metrics(path))
