"""Both engines on the same logs, here and on HDFS: the same numbers to the last digit."""

import bz2
import gzip
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hdfs import InsecureClient

from offline.cli import main
from offline.data.collect import collect
from offline.errors import InputError
from offline.experiment.aggregates.aggregate import aggregate
from offline.experiment.aggregates.metric_sql import per_span
from offline.experiment.aggregates.summary import Aggregates
from offline.experiment.aggregates.user_tables import read_user_tables
from offline.experiment.metric_files import read_metrics
from offline.experiment.metrics import Metric, Metrics
from offline.experiment.stats.effects import as_frame, effect_table
from offline.logs.reader import open_logs

from ...one_node_hdfs import one_node_hdfs
from .test_reader import BAD_FIELDS

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs java"),
]
Make = Callable[..., Any]
EXPERIMENT = "DAE_VS_CONTEXTUAL"
METRICS = read_metrics(Path(__file__).parents[3] / "config" / "metrics.yml").with_primaries(
    ["skips", "active_minutes", "mean_session_time"]
)
FRAMES = ("users", "lengths", "periods", "coverage", "latencies")
COLUMNS = (
    "n, file, message, timestamp, user_id, track, time, latency, experiments, session,"
    " recommendation, recommender, propensity"
)


@pytest.fixture(scope="module", autouse=True)
def _spark() -> Iterator[None]:
    """One small Spark, which reads files in parts of 200 kB."""
    with pytest.MonkeyPatch.context() as patch:
        settings = {
            **{"spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false"},
            **{"spark.sql.files.maxPartitionBytes": "200k", "spark.driver.host": "127.0.0.1"},
        }
        words = " ".join(f"--conf {name}={value}" for name, value in settings.items())
        # Compiled once, and not well, and no threads that collect garbage: nothing here runs long.
        options = "'-XX:TieredStopAtLevel=1 -XX:+UseSerialGC'"
        java = f"--driver-memory 1g --driver-java-options {options}"
        patch.setenv("PYSPARK_SUBMIT_ARGS", f"--master local[2] {java} {words} pyspark-shell")
        yield
    from pyspark import SparkContext

    context = SparkContext._active_spark_context
    if context is not None:
        gateway: Any = SparkContext._gateway
        context.stop()
        gateway.shutdown()
        gateway.proc.stdin.close()
        gateway.proc.wait(timeout=30)
        SparkContext._gateway = SparkContext._jvm = None


@pytest.fixture
def log(make_events: Make, write_log: Make, tmp_path: Path) -> Path:
    """Text in several parts, a gzip that is cut, Parquet; lines twice, out of order and bad."""
    rng = np.random.default_rng(8)
    events = make_events(n_users=120)
    # Of equal timestamps only the order of lines tells which is first.
    events = [event | {"timestamp": event["timestamp"] // 60_000 * 60_000} for event in events]
    for _ in range(40):
        place = int(rng.integers(len(events)))
        events.insert(place, events[int(rng.integers(len(events)))])
    events[7]["user"], events[8]["latency"], events[9]["session"] = 10**30, 0, None
    texts: list[Any] = list(events)
    for place in (100, 1_500, 1_700, 3_000):
        texts[place : place + 1] = ["", json.dumps(events[place])[:40], " \t\r"]
    third = len(texts) // 3
    write_log(texts[:third], "log/data.json")
    packed = write_log(texts[third : 2 * third], "log/data.json.1.gz")
    packed.write_bytes(packed.read_bytes()[:-300])
    rows = [event for event in events[-third:] if isinstance(event["user"], int)]
    rows = [row | {"user": int(row["user"]) % 2**63} for row in rows]
    rows[5]["track"] = -1
    pq.write_table(pa.Table.from_pylist(rows[9:]), tmp_path / "log/data.parquet")
    # As the data client ships: of several logs, and by date.
    write_log([json.dumps(row) for row in rows[3:9]], "log/data.json.20261128T030152Z-1-x2.zst")
    (tmp_path / "log/dt=2026-11-28").mkdir()
    pq.write_table(pa.Table.from_pylist(rows[:3]), tmp_path / "log/dt=2026-11-28/data-1.parquet")
    return tmp_path / "log"


@pytest.fixture(scope="module")
def hdfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Any]]:
    with one_node_hdfs(tmp_path_factory.mktemp("hdfs")) as found:
        client = InsecureClient(found.url, timeout=(10, 60))
        yield found.rpc, client
        client._session.close()


def judged(log: object, engine: str) -> Aggregates:
    with open_logs([str(log)], engine) as opened:
        return aggregate(opened, EXPERIMENT, metrics=METRICS)


def assert_same(one: Aggregates, other: Aggregates) -> None:
    for name in FRAMES:
        pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name), check_exact=True)
    for name, found in one.progress.items():
        rows = other.progress[name].rows
        pd.testing.assert_frame_equal(found.rows, rows, check_exact=True, check_dtype=False)
    tables = [as_frame(effect_table(found)) for found in (one, other)]
    pd.testing.assert_frame_equal(*tables, check_exact=True)
    assert (one.arms, one.recommenders) == (other.arms, other.recommenders)


def read(place: str) -> tuple[int, list[str], list[tuple[Any, ...]]]:
    """Lines, bad lines and events of a log, as Spark reads them."""
    with open_logs([place], "spark") as opened:
        events = opened.engine.rows(f"SELECT {COLUMNS} FROM events ORDER BY n")
        # Lines may be numbered in other ways; their order is what counts.
        return opened.lines, [str(bad) for bad in opened.bad], [row[1:] for row in events]


def test_a_log_is_judged_the_same_by_both_engines_here_and_on_hdfs(
    log: Path, hdfs: tuple[str, Any]
) -> None:
    here, there = judged(log, "duckdb"), judged(log, "spark")
    assert here.quality.bad_lines == 6
    assert here.quality.duplicates > 20
    assert here.quality.backwards
    assert there.quality == here.quality
    assert_same(here, there)

    address, client = hdfs
    client.upload("/log", str(log))
    # From there on it is the same: what is read is what is judged.
    (lines, bad, events), far = (read(place) for place in (str(log), f"{address}/log"))
    assert far == (lines, [one.replace(str(log), f"{address}/log") for one in bad], events)
    assert len(bad) == 6
    with open_logs([f"{address}/l*/data.json"], "spark") as part:
        assert part.files == (f"{address}/log/data.json",)


def test_both_engines_cut_by_day_and_by_version_alike(log: Path) -> None:
    """Metrics whose sums are added up over sessions, one over sessions, and one over lines."""
    several = Metric("tracks", "Tracks", numerator="COUNT(DISTINCT track)", denominator="COUNT(*)")
    metrics = Metrics({**METRICS.by_name, "tracks": several}).with_primaries(
        ["mean_session_time", "active_minutes", "tracks"]
    )
    found: dict[str, list[pd.DataFrame]] = {}
    for engine in ("duckdb", "spark"):
        with open_logs([str(log)], engine) as opened:
            during = aggregate(opened, EXPERIMENT, metrics=metrics)
            first, last = during.quality.first_timestamp, during.quality.last_timestamp
            middle, end = (first + last) // 2, 2**62
            spans = [
                {"number": number, "since": since, "until": until}
                for number, since, until in ((0, -end, middle), (1, middle, end))
            ]
            opened.engine.register("version_spans", pa.Table.from_pylist(spans))
            tables = read_user_tables(opened.engine, metrics.primaries)
            parts = per_span(opened.engine, metrics.primaries)
        by = (tables.days_of, tables.ages_of, parts)
        found[engine] = [some[name.name] for some in by for name in metrics.primaries]
        assert set(parts["tracks"]["number"]) == {0, 1}
    for one, other in zip(found["duckdb"], found["spark"], strict=True):
        assert len(one)
        pd.testing.assert_frame_equal(one, other, check_exact=True, check_dtype=False)


def test_plan_by_days_is_the_same_on_both_engines(log: Path) -> None:
    said = {
        engine: CliRunner().invoke(main, ["plan", str(log), "--days", "14", "--engine", engine])
        for engine in ("duckdb", "spark")
    }
    assert said["duckdb"].exit_code == 0, said["duckdb"].output
    assert said["spark"].output == said["duckdb"].output


def test_collect_makes_the_same_tables(log: Path, tmp_path: Path) -> None:
    made = {}
    for engine in ("duckdb", "spark"):
        made[engine], bad = collect([log], tmp_path / engine, engine=engine)
        assert len(bad) == 6
    assert made["spark"] == made["duckdb"]
    for name in ("interactions", "plays", "users"):
        tables = [pq.read_table(tmp_path / engine / f"{name}.parquet") for engine in made]
        # Spark writes that a constant is never null.
        assert tables[0].equals(tables[1].cast(tables[0].schema))
    assert made["spark"].users_left_out == 1


def test_every_kind_of_line_is_the_same_to_both(event: Make, write_log: Make) -> None:
    odd = ["[1, 2]", "null", "hello", "\0\0\0", "{", '{"message": "ne{"message": "last"}', "\v"]
    odd += [json.dumps(event(**fields)) for fields, _ in BAD_FIELDS]
    odd += [json.dumps(event(experiments={"A": "C", 'quo"ted': "é"}, session="€", x=[1]))]
    odd += [json.dumps(event(time=1e-3, user=10**30)), '{"user": 1, "user": 2}', " " * 3]
    first = write_log(odd, "a[1]* é%20/data.json")
    whole = json.dumps(event()).encode()
    second = write_log([], "b/data.json.gz")
    lines = whole, whole.replace(b"next", b"n\xff\xfe") + b"\r", b""
    second.write_bytes(gzip.compress(b"\n".join(lines)))
    third = write_log(["", ""], "b/data.json.1")
    columns = {name: [value] for name, value in event(track=-1).items()}
    tables = pa.table(columns | {"user": pa.array([5], pa.uint64())}), pa.table(columns)
    tables += (pa.table(columns | {"track": pa.array([7], pa.uint64())}),)
    for number, table in enumerate(tables):
        pq.write_table(table, second.with_name(f"data{number}.parquet"))
    found = []
    for engine in ("duckdb", "spark"):
        with open_logs([first, second.parent], engine) as log:
            assert log.files[:3] == (first, third, second)
            events = log.engine.rows(f"SELECT {COLUMNS} FROM events ORDER BY n")
            # Lines are numbered in other ways; their order is what counts.
            found.append((log.lines, [str(bad) for bad in log.bad], [row[1:] for row in events]))
    assert found[0] == found[1]


def test_logs_of_other_programs_are_the_same_to_both(
    event: Make, write_log: Make, tmp_path: Path
) -> None:
    stamp = event()["timestamp"]
    odd = [
        event(user=5.0, recommendation=float("nan")),
        event(timestamp=f"{stamp}.0"),
        event(user=2**53 + 0.0),
    ]
    odd += [event(timestamp="2025-11-29T09:23:18.095+02:00"), event(experiments='{"E": "C"}')]
    odd += [event(timestamp=stamp + 0.75), event(comment="x" * (1 << 25)), event(session="a\x0bb")]
    odd += ["\ufeff" + json.dumps(event(user=9)), json.dumps(event()) + "\r" + json.dumps(event())]
    write_log(odd, "log/data.json")
    packed = write_log(["\ufeff" + json.dumps(event()), event()], "log/host/data.json.gz")
    packed.write_bytes(packed.read_bytes() + bytes(600))
    write_log([event()], "log/_incoming/data.json")
    times = pa.array(pd.to_datetime([stamp], unit="ms"))
    columns = {name: pa.array([value]) for name, value in event().items()}
    for number, change in enumerate(
        (
            {"timestamp": times.cast(pa.timestamp("ns", "UTC"))},
            {"timestamp": times.cast(pa.timestamp("ns"))},
            {"timestamp": times.cast(pa.timestamp("us", "UTC"))},
            {"timestamp": pa.array([float(stamp)]), "user": pa.array(["0007"], pa.large_string())},
            {"track": pa.array([7.0]), "recommendation": pa.array([8.5])},
            {"experiments": pa.array([[{"key": "E", "value": "C"}]])},
            {"message": pa.array(["next"]).dictionary_encode(), "user": pa.array([5.5])},
        )
    ):
        pq.write_table(pa.table(columns | change), tmp_path / f"log/data{number}.parquet")
    pq.write_table(pa.table(columns).slice(0, 0), tmp_path / "log/data9.parquet")
    nothing = {name: pa.array([], pa.int32()) for name in columns}
    pq.write_table(pa.table(nothing), tmp_path / "log/data10.parquet")
    found = []
    for engine in ("duckdb", "spark"):
        with open_logs([tmp_path / "log"], engine) as log:
            events = log.engine.rows(f"SELECT {COLUMNS} FROM events ORDER BY n")
            bad = [str(bad) for bad in log.bad]
            read = [row[1:] for row in events]
            found.append((log.lines, log.skipped.faults, bad, log.notes, log.unit, read))
    for one, other in zip(*found, strict=True):
        assert one == other
    assert found[0][1] == {"line": 2, "timestamp": 1, "recommendation": 1, "user": 1}


def test_what_is_refused_is_refused_by_both_alike(
    event: Make, write_log: Make, tmp_path: Path
) -> None:
    good = write_log([event(), ""])
    late = write_log(["", event(timestamp=event()["timestamp"] * 1000)], "data.json.1")
    array = write_log(["[", json.dumps(event()) + ",", json.dumps(event()), "]"], "array.json")
    packed = tmp_path / "data.bz2"
    packed.write_bytes(bz2.compress(array.read_bytes()))
    for paths in ([good, late], [good, array], [good, packed]):
        said = []
        for engine in ("duckdb", "spark"):
            with pytest.raises(InputError) as refusal, open_logs(paths, engine):
                pass
            said.append(str(refusal.value))
        assert said[0] == said[1]


def run(*words: object, fails: bool = False) -> str:
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == (2 if fails else 0), done.output
    return done.output


def test_lists_made_by_tasks_are_those_made_here(log: Path, tmp_path: Path) -> None:
    catalog = tmp_path / "tracks.json"
    tracks = [{"track": track, "artist": f"a{track % 90}"} for track in range(400)]
    catalog.write_text("".join(json.dumps(track) + "\n" for track in tracks))
    (tmp_path / "train.yml").write_text("hidden: [16]\nepochs: 3\nbatch_size: 50\n")
    run("collect", log, "--out", tmp_path / "data", "--engine", "spark")
    model = ("--out", tmp_path / "model", "--config", tmp_path / "train.yml")
    run("train", tmp_path / "data", "--catalog", catalog, *model)
    for kind in ("sessions", "score"):
        words = ["export", tmp_path / "model", tmp_path / "data", "--lists", kind]
        words += ["--catalog", catalog] if kind == "sessions" else []
        for engine in ("local", "spark"):
            run(*words, "--out", tmp_path / engine / kind, "--engine", engine)
        here, there = (
            (tmp_path / engine / kind / "recommendations.json").read_bytes()
            for engine in ("local", "spark")
        )
        assert here == there != b""


@pytest.mark.parametrize(("name", "option"), [("bpr", "iterations=3"), ("linear-dae", "seed=1")])
def test_lists_of_models_that_need_the_user_or_the_times(
    name: str, option: str, log: Path, tmp_path: Path
) -> None:
    run("collect", log, "--out", tmp_path / "data")
    model = tmp_path / "model"
    run("train", tmp_path / "data", "--out", model, "--model", name, "--set", option)
    words = ["export", model, tmp_path / "data", "--lists", "score", "--length", 20, "--unseen"]
    for engine in ("local", "spark"):
        run(*words, "--out", tmp_path / engine, "--engine", engine)
    here, there = (
        (tmp_path / engine / "recommendations.json").read_bytes() for engine in ("local", "spark")
    )
    assert here == there != b""


def test_bad_input_is_one_line_and_exit_code_2(
    log: Path, hdfs: tuple[str, Any], tmp_path: Path
) -> None:
    address, client = hdfs
    client.makedirs("/empty")
    (tmp_path / "hidden").mkdir()
    hidden = shutil.copy(log / "data.json", tmp_path / "hidden/_data.json")
    (tmp_path / "broken.parquet").write_bytes(b"PAR?")
    for path, message in {
        f"{address}/nowhere": "no such log: hdfs://",
        f"{address}/empty": "no log in hdfs://",
        "nosuch://host/log": "nosuch://host/log cannot be read: ",
        str(tmp_path / "nowhere"): "no such log: ",
        str(hidden): "Spark reads no file whose name begins with _ or .",
        str(tmp_path / "broken.parquet"): "broken.parquet cannot be read: ",
    }.items():
        said = run("analyze", path, "--experiment", "X", "--engine", "spark", fails=True)
        assert message in said
        assert said.startswith("Error: ")
        assert said.count("\n") == 1
    said = run("analyze", f"{address}/log", "--experiment", "X", fails=True)
    assert "is no local path: only --engine spark reads others" in said


def test_without_pyspark_the_command_says_what_to_install(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spark = "offline.engine.spark", "offline.logs.spark"
    for name in [name for name in sys.modules if name.startswith(spark)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyspark.errors", None)
    with (
        pytest.raises(InputError, match=r"pip install 'botify\[spark\]'"),
        open_logs([log], "spark"),
    ):
        pass
