"""Logs of played sessions: JSON Lines and Parquet with the same rows, on a simulated clock."""

import json
import resource
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.agents.policies import Policy
from sim.engine.events import Events, Recorder
from sim.engine.play import play
from sim.errors import InputError
from sim.logs.clock import Clock
from sim.logs.json_log import JsonLog
from sim.logs.log import Log
from sim.logs.parquet_log import ParquetLog
from sim.rng import Streams
from sim.world import World

MakeWorld = Callable[..., World]
MakeLog = Callable[..., Log]
START_MS, DAY_MS = 1_000_000, 86_400_000
SOURCES = ("sticky_artist_unseen", "random")
both = pytest.mark.parametrize("make_log", [JsonLog, ParquetLog])


def record(world: World, n: int) -> Events:
    recorder = Recorder()
    play(
        world,
        Policy("sticky_artist_unseen", Streams(3)),
        seed=3,
        episodes=range(n),
        recorder=recorder,
    )
    return recorder.events()


@pytest.fixture
def events(make_world: MakeWorld) -> Events:
    """200 sessions of 20 users, answered by the agent and its fallback."""
    return record(make_world(), 200)


def cut(events: Events, *episodes: int) -> Iterator[Events]:
    """The events in parts, the first of which end before these episodes."""
    places = np.searchsorted(events.episodes, episodes)
    for part in zip(*(np.split(column, places) for column in events), strict=True):
        yield Events._make(part)


def clock_of(events: Events, days: float = 30.0) -> Clock:
    return Clock(START_MS, days, int(events.episodes.max()) + 1, np.unique(events.users))


def write(log: Log, parts: Iterable[Events]) -> None:
    with log:
        for part in parts:
            log.write(part)


def read(directory: Path) -> list[dict[str, Any]]:
    """The rows of the one log in a directory, as a reader of the protocol sees them."""
    (path,) = directory.iterdir()
    if path.name == "data.json":
        return [json.loads(line) for line in path.read_text().splitlines()]
    assert path.name == "data.parquet"
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return [row | {"experiments": json.loads(row["experiments"])} for row in rows]


def expected(events: Events, stamps: list[int], sources: tuple[str, ...]) -> list[dict[str, Any]]:
    """The lines that the protocol asks for, one event at a time."""
    return [
        {
            "message": "last" if answer < 0 else "next",
            "timestamp": stamp,
            "user": user,
            "track": track,
            "time": time,
            "latency": 0.0,
            "recommendation": None if answer < 0 else answer,
            "experiments": {},
            "session": str(episode),
            "recommender": None if answer < 0 else sources[source],
            "rank": None if rank < 0 else rank,
            "propensity": None if np.isnan(chance) else chance,
        }
        for stamp, episode, _, user, track, time, answer, rank, chance, source in zip(
            stamps, *(column.tolist() for column in events), strict=True
        )
    ]


@st.composite
def sessions(draw: st.DrawFn) -> Events:
    """Up to 12 sessions of 3 users with any values that the log can hold."""
    lengths = draw(st.lists(st.integers(2, 5), min_size=1, max_size=12))
    n = sum(lengths)
    last = np.zeros(n, dtype=bool)
    last[np.cumsum(lengths) - 1] = True

    def column(values: st.SearchStrategy[Any]) -> Any:
        return np.asarray(draw(st.lists(values, min_size=n, max_size=n)))

    ids = st.integers(0, 2**63 - 1)
    users = draw(st.lists(ids, min_size=3, max_size=3))
    listeners = draw(st.lists(st.sampled_from(users), min_size=len(lengths), max_size=12))
    hundredths = st.integers(0, 100).map(lambda cents: cents / 100)
    chances = st.floats(0.0, 1.0, exclude_min=True) | st.just(np.nan)
    return Events(
        episodes=np.repeat(np.arange(len(lengths)), lengths),
        steps=np.concatenate([np.arange(length) for length in lengths]),
        users=np.repeat(np.asarray(listeners[: len(lengths)]), lengths),
        tracks=column(ids),
        times=column(hundredths),
        recommendations=np.where(last, -1, column(ids)),
        ranks=np.where(last, -1, column(st.integers(-1, 99))),
        propensities=np.where(last, np.nan, column(chances)),
        sources=np.where(last, -1, column(st.integers(0, 1))),
    )


@settings(deadline=None)  # the first example compiles
@given(sessions())
def test_both_formats_give_back_every_value(events: Events) -> None:
    sources = ("plain", 'quo"ted \\ and\nßtrange')
    rows = expected(events, clock_of(events).stamp(events).tolist(), sources)
    for make_log in (JsonLog, ParquetLog):
        with tempfile.TemporaryDirectory() as directory:
            write(make_log(Path(directory), sources, clock_of(events)), [events])
            got = read(Path(directory))
        assert got == rows
        # 1 == 1.0 in Python, not in the schema of a reader.
        assert [[type(v) for v in row.values()] for row in got] == [
            [type(v) for v in row.values()] for row in rows
        ]
        assert [list(row) for row in got] == [list(row) for row in rows]


@both
def test_every_line_of_the_log_is_as_the_protocol_says(
    make_log: MakeLog, events: Events, tmp_path: Path
) -> None:
    write(make_log(tmp_path, SOURCES, clock_of(events)), [events])
    lines = read(tmp_path)
    for line in lines:
        assert 0.0 <= line["time"] <= 1.0
        answer = [line[name] for name in ("recommendation", "recommender", "propensity")]
        assert [value is None for value in answer] == [line["message"] == "last"] * 3
        if line["message"] == "next":
            assert 0.0 < line["propensity"] <= 1.0
    assert {line["recommender"] for line in lines} == {*SOURCES, None}
    played = [list(rows) for _, rows in groupby(lines, key=lambda line: line["session"])]
    assert len(played) == 200
    for session in played:
        assert session[0]["time"] == 1.0
        assert [line["message"] for line in session] == ["next"] * (len(session) - 1) + ["last"]


@pytest.mark.parametrize("name", ["data.json", "data.parquet"])
def test_the_bytes_are_the_same_however_many_events_come_at_once(
    name: str, events: Events, tmp_path: Path
) -> None:
    for directory, parts in (
        ("one", [events]),
        ("two", cut(events, 1, 2, 90, 91)),
        ("day", cut(events, *range(20, 200, 20))),
    ):
        if name == "data.json":
            log: Log = JsonLog(tmp_path / directory, SOURCES, clock_of(events))
        else:
            log = ParquetLog(tmp_path / directory, SOURCES, clock_of(events), rows=100)
        write(log, parts)
    one, *others = ((tmp_path / each / name).read_bytes() for each in ("one", "two", "day"))
    assert others == [one, one]


@pytest.mark.parametrize("left", [0, 37])
def test_row_groups_are_bounded_and_lose_no_row(left: int, events: Events, tmp_path: Path) -> None:
    n = len(events.episodes)
    rows = (n - left) // 3
    events = Events._make(column[: 3 * rows + left] for column in events)
    write(ParquetLog(tmp_path, SOURCES, clock_of(events), rows=rows), cut(events, 5, 30, 120))
    metadata = pq.ParquetFile(tmp_path / "data.parquet").metadata
    sizes = [metadata.row_group(g).num_rows for g in range(metadata.num_row_groups)]
    assert sizes == [rows] * 3 + [left] * (left > 0)
    stamps = clock_of(events).stamp(events).tolist()
    assert read(tmp_path) == expected(events, stamps, SOURCES)


@both
def test_a_run_without_sessions_leaves_no_log(make_log: MakeLog, tmp_path: Path) -> None:
    write(make_log(tmp_path, SOURCES, Clock(0, 1.0, 1, np.arange(3))), [])
    assert list(tmp_path.iterdir()) == []


@both
@pytest.mark.parametrize(
    "name", ["data.json", "data.json.3", "data.json.gz", "data.parquet", "data-2.parquet"]
)
def test_a_log_is_never_written_beside_or_over_another(
    name: str, make_log: MakeLog, tmp_path: Path
) -> None:
    (tmp_path / name).write_text("precious\n")
    with pytest.raises(InputError, match=rf"{name} exists already: remove it or name another"):
        make_log(tmp_path, SOURCES, Clock(0, 1.0, 1, np.arange(3)))
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "precious\n"


def test_a_parquet_log_has_no_name_before_the_run_has_ended(
    events: Events, tmp_path: Path
) -> None:
    """What a killed run leaves is what is there while it runs: no log, and no way to miss it."""
    with ParquetLog(tmp_path, SOURCES, clock_of(events), rows=100) as log:
        log.write(events)
        (left,) = tmp_path.iterdir()
        assert left.name.startswith(".")
        assert left.suffix != ".parquet"
        for make_log in (ParquetLog, JsonLog):
            with pytest.raises(InputError, match=rf"{left.name} exists already"):
                make_log(tmp_path, SOURCES, clock_of(events))
    assert len(read(tmp_path)) == len(events.episodes)


def breaking(error: BaseException, *parts: Events) -> Iterator[Events]:
    yield from parts
    raise error


@pytest.mark.parametrize("error", [InputError("the service went away"), KeyboardInterrupt()])
def test_a_run_that_fails_leaves_no_half_parquet(
    error: BaseException, events: Events, tmp_path: Path
) -> None:
    log = ParquetLog(tmp_path, SOURCES, clock_of(events), rows=100)
    with pytest.raises(type(error)):
        write(log, breaking(error, events))
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_fails_keeps_the_lines_that_it_wrote(events: Events, tmp_path: Path) -> None:
    log = JsonLog(tmp_path, SOURCES, clock_of(events))
    with pytest.raises(InputError, match="the service went away"):
        write(log, breaking(InputError("the service went away"), *cut(events, 150)))
    assert len(read(tmp_path)) == len(events.episodes)


def test_lines_are_on_disk_once_they_are_written(events: Events, tmp_path: Path) -> None:
    """So that a kill loses none of them."""
    with JsonLog(tmp_path, SOURCES, clock_of(events)) as log:
        for part in cut(events, 1, 150):
            before = (tmp_path / "data.json").stat().st_size
            log.write(part)
            assert read(tmp_path)[-1]["session"] == str(part.episodes[-1])
            assert (tmp_path / "data.json").stat().st_size > before


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    """No file grows beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("make_log", [JsonLog, ParquetLog, partial(ParquetLog, rows=100)])
def test_a_full_disk_is_named(make_log: MakeLog, events: Events, tmp_path: Path) -> None:
    """Whether it is full while events are written or when the log is closed."""
    log = make_log(tmp_path, SOURCES, clock_of(events))
    named = pytest.raises(InputError, match=r"data\.\w+: cannot be written: File too large")
    with disk_of(1_000), named:
        write(log, [events])
    assert [path.name for path in tmp_path.iterdir()] in ([], ["data.json"])


@both
def test_a_place_that_is_no_directory_is_named(make_log: MakeLog, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file: cannot be written: File exists"):
        make_log(tmp_path / "file", SOURCES, Clock(0, 1.0, 1, np.arange(3)))


def spans(events: Events, stamps: np.ndarray[Any, Any]) -> list[tuple[int, int, list[int]]]:
    """(episode, user, stamps) of each session."""
    places = (list(rows) for _, rows in groupby(range(len(stamps)), events.episodes.__getitem__))
    return [(events.episodes[p[0]], events.users[p[0]], stamps[p].tolist()) for p in places]


@settings(deadline=None)  # the first example compiles
@given(sessions(), st.sampled_from([30.0, 1.0, 0.001]), st.data())
def test_a_session_starts_when_due_or_once_its_user_is_free(
    events: Events, days: float, data: st.DataObject
) -> None:
    """Also where so many sessions fall into so short a time that they must queue."""
    stamps = clock_of(events, days).stamp(events)
    n = int(events.episodes.max()) + 1
    free: dict[int, int] = {}
    for episode, user, times in spans(events, stamps):
        first = int(events.times[events.episodes == episode][0] * 210_000) + 1_000
        due = START_MS + int(episode * (days * DAY_MS / n))
        assert times[0] - first == max(due, free.get(user, 0))
        assert all(a < b for a, b in pairwise(times))
        free[user] = times[-1] + 1_000
    # The same, however the sessions come.
    clock = clock_of(events, days)
    places = sorted(data.draw(st.lists(st.integers(0, n), max_size=4)))
    parts = [clock.stamp(part) for part in cut(events, *places)]
    np.testing.assert_array_equal(np.concatenate(parts), stamps)


@pytest.mark.parametrize("days", [30.0, 0.001])
def test_a_users_events_are_in_time_order_and_sessions_never_overlap(
    make_world: MakeWorld, days: float
) -> None:
    events = record(make_world(n_users=4), 300)
    stamps = clock_of(events, days).stamp(events)
    assert stamps.min() >= START_MS
    for user in np.unique(events.users):
        mine = events.users == user
        order = np.argsort(stamps[mine])
        assert (np.diff(stamps[mine][order]) > 0).all()
        # In time order the sessions come one after another: none begins inside another.
        assert (np.diff(events.episodes[mine][order]) >= 0).all()


def test_sessions_are_spread_over_the_days_asked_for(make_world: MakeWorld) -> None:
    """Session e of n belongs to day e * days / n, where its user has the time."""
    events = record(make_world(n_users=200), 500)
    stamps = clock_of(events, 10.0).stamp(events)
    _, starts = np.unique(events.episodes, return_index=True)
    days = (stamps[starts] - START_MS) // DAY_MS
    np.testing.assert_array_equal(days, np.arange(500) * 10 // 500)


def test_a_user_unknown_to_the_clock_is_an_error(events: Events) -> None:
    clock = Clock(START_MS, 1.0, 200, np.asarray([events.users.max()]))
    with pytest.raises(ValueError, match="a user who is not one of user_ids"):
        clock.stamp(events)
