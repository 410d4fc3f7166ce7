"""An experiment in the log of a shop: counted by hand, and by the command."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from offline.cli import main
from offline.errors import InputError
from offline.experiment.aggregates.aggregate import aggregate
from offline.experiment.aggregates.summary import Aggregates
from offline.experiment.metric_files import built_in
from offline.logs.first_line import face_of
from offline.logs.reader import open_logs

from ...logs.shop_lines import START, answer, event, experiment, small, write


def reduced(path: Path) -> Aggregates:
    with open_logs([path], face="shop") as log:
        return aggregate(log, "AB")


def value(found: Aggregates, metric: str) -> dict[str, float | None]:
    """Numerator / denominator of each visitor; None: no value."""
    above, below = found.metrics[metric].sums(found.users)
    names = found.users["user_id"]
    return {
        name: float(a / b) if b else None for name, a, b in zip(names, above, below, strict=True)
    }


@pytest.fixture
def counted(tmp_path: Path) -> Aggregates:
    return reduced(write(tmp_path / "data.json", small()))


def test_metrics_are_those_counted_by_hand(counted: Aggregates) -> None:
    assert value(counted, "carts_per_visitor") == {"u1": 1, "u2": 0, "u3": 2, "u4": 0}
    assert value(counted, "purchases_per_visitor") == {"u1": 1, "u2": 0, "u3": 1, "u4": 0}
    cart_visitors = value(counted, "purchases_per_cart_visitor")
    assert cart_visitors == {"u1": 1, "u2": None, "u3": 1, "u4": None}
    assert value(counted, "view_to_cart") == {"u1": 1, "u2": 0, "u3": 2, "u4": 0}
    assert value(counted, "clicks_per_answer") == {"u1": 1, "u2": 0, "u3": 0.5, "u4": 0}
    assert value(counted, "revenue_per_visitor") == {"u1": 30, "u2": 0, "u3": 5, "u4": 0}
    assert value(counted, "sessions_per_visitor") == {"u1": 1, "u2": 1, "u3": 2, "u4": 1}


def test_what_is_left_out_is_told(counted: Aggregates) -> None:
    quality = counted.quality
    assert quality.lines == len(small())
    assert quality.bad_lines == 0
    assert quality.duplicates == 2  # an event and an answer
    assert quality.lines_outside == 3  # before the first answer, an item, a visitor without one
    assert "2 events of 2 visitors lie before the visitor's first answer" in quality.notes[-1]
    assert [(arm.treatment, arm.users, arm.sessions) for arm in counted.arms] == [
        ("C", 2, 2),
        ("T1", 2, 3),
    ]


def test_an_event_that_names_an_answer_to_somebody_else_is_lost(counted: Aggregates) -> None:
    rows = counted.completeness.set_index("treatment")
    assert rows["lost"].tolist() == [0, 1]
    assert rows["following"].tolist() == [2, 2]


def test_events_before_the_first_answer_of_an_experiment_count_for_nothing(tmp_path: Path) -> None:
    """One second before, and one second after."""
    lines = [
        event("u1", 0, "addtocart"),
        answer("u1", 1, "C", "q1"),
        event("u1", 2, "addtocart"),
        answer("u2", 0, "T1", "q2"),
    ]
    found = reduced(write(tmp_path / "data.json", lines))
    assert value(found, "carts_per_visitor") == {"u1": 1, "u2": 0}


def test_lines_of_no_shop_are_bad_and_named(tmp_path: Path) -> None:
    bad = [
        "no JSON",
        event("u1", 1, "view") | {"user": None},
        event("u1", 1, "view") | {"item": None},
        event("u1", 1, "view") | {"timestamp": "soon"},
        answer("u1", 1, "C", "q9") | {"experiments": ["AB"]},
        answer("u1", 1, "C", "q9") | {"latency": -1},
        {"message": "next", "timestamp": START, "user": 1, "track": 2, "time": 1.0},
    ]
    path = write(tmp_path / "data.json", [*small(), *bad])
    with open_logs([path], face="shop") as log:
        reasons = [line.reason for line in log.bad]
    assert log.bad_lines == len(bad)
    for reason, word in zip(
        reasons,
        ("not JSON", "user", "item", "timestamp", "experiments", "latency", "message"),
        strict=True,
    ):
        assert word in reason


def test_numbers_are_ids_too_and_a_gzip_is_read(tmp_path: Path) -> None:
    import gzip

    lines = [line | {"user": 7} if line.get("user") == "u1" else line for line in small()]  # type: ignore[union-attr, operator]
    path = tmp_path / "data.json.gz"
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, lines)).encode()))
    assert set(reduced(path).users["user_id"]) == {"7", "u2", "u3", "u4"}


def test_parquet_is_refused(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"message": ["event"]}), tmp_path / "data.parquet")
    with (
        pytest.raises(InputError, match="the log of a shop is read from JSON Lines"),
        open_logs([tmp_path / "data.parquet"], face="shop"),
    ):
        pass


def test_the_first_line_tells_the_face(tmp_path: Path) -> None:
    shop = write(tmp_path / "shop.json", ["", *small()])
    music = write(tmp_path / "music.json", [{"message": "last", "track": 1}])
    assert face_of([shop]) == "shop"
    assert face_of([music]) == face_of([tmp_path / "nothing"]) == "music"
    ratings = tmp_path / "ratings.json"
    ratings.write_text('{"message": "reco", "user": "7", "items": ["1"]}\n')
    with pytest.raises(InputError, match=r"log of the ratings face.*--events"):
        face_of([ratings])


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["analyze", *map(str, words)])


def test_the_command_judges_a_shop(tmp_path: Path) -> None:
    write(tmp_path / "data.json", experiment(400))
    done = run(tmp_path, "--json", tmp_path / "r.json", "--out", tmp_path / "r.html")
    assert done.exit_code == 0, done.output
    assert done.output.startswith("Ship full (T1): it beats popular (C) on add-to-carts per visi")
    assert "guardrail T1 purchases_per_visitor" in done.output
    found = json.loads((tmp_path / "r.json").read_text())
    assert found["source"] == "shop"
    assert found["primaries"] == ["carts_per_visitor"]
    page = (tmp_path / "r.html").read_text()
    assert "Visitors" in page
    assert "Add-to-carts per visitor" in page


def test_half_a_log_is_not_judged(tmp_path: Path) -> None:
    write(tmp_path / "data.json", experiment(400, lost=0.3))
    done = run(tmp_path)
    assert "Answers followed" in done.output
    assert not done.output.startswith("Ship")
    assert run(tmp_path, "--allow-incomplete").output.startswith("Ship")


def test_without_prices_there_is_no_revenue(tmp_path: Path) -> None:
    write(tmp_path / "data.json", experiment(60, priced=False))
    done = run(tmp_path)
    assert "no purchase in the log has a price" in done.output
    write(tmp_path / "data.json", [*experiment(60, priced=False), *small()])
    assert "purchases have no price: no revenue" in run(tmp_path).output


def test_metrics_of_a_file_are_added(tmp_path: Path) -> None:
    write(tmp_path / "data.json", experiment(60))
    own = tmp_path / "own.yml"
    own.write_text(
        "metrics: {dismissals: {title: Dismissals, direction: down, numerator: "
        "\"SUM(CASE WHEN event = 'dismiss' THEN 1 ELSE 0 END)\"}}"
    )
    assert "dismissals" in run(tmp_path, "--metrics", own).output
    own.write_text("metrics: {x: {title: X, direction: up, numerator: SUM(track)}}")
    done = run(tmp_path, "--metrics", own)
    assert (done.exit_code, "metric x" in done.output) == (2, True)


def test_the_built_in_metrics_of_a_shop() -> None:
    metrics = built_in("shop")
    assert [metric.name for metric in metrics.primaries] == ["carts_per_visitor"]
    assert metrics.margins == {"purchases_per_visitor": 10, "mean_request_time": 20}
