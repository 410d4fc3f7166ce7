"""New lines of a log, reduced by the reader and the SQL of `analyze`."""

import contextlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from offline.engine.duck import DuckEngine
from offline.engine.progress import Report, reporting
from offline.experiment.aggregates.aggregate import SQL, completeness_of
from offline.experiment.aggregates.metric_sql import columns_of, selected, steady
from offline.experiment.aggregates.summary import PERIODS, period_of
from offline.experiment.metric_files import built_in
from offline.experiment.metrics import Metrics
from offline.logs.bad_lines import Skipped
from offline.logs.json_lines import HERE
from offline.logs.normalise import LogFile
from offline.logs.reader import EVENTS, read_lines
from offline.logs.time_units import YEAR_MS, Row, timestamps_of
from offline.watch.live_metrics import COLUMNS
from offline.watch.users import Ints, Users

HOLD_MS = 1000
"""Events within this time before the latest one wait for the next look: each worker writes its own
file, so events may be read out of order."""
RECENT = 1000
"""Number of latest events from which the usual gap is computed."""
_IN_MEMORY = 1 << 26
_OWN_SQL = Path(__file__).parent / "sql"
_LINES = "SELECT rowid + {base} AS n, {columns} FROM lines WHERE fault IS NULL AND {condition}"
_LINKED = """(
    SELECT
        *,
        timestamp
            - LAG(CASE WHEN message = 'next' THEN timestamp END) OVER in_order AS gap_ms,
        LAG(recommendation) OVER in_order AS previous_recommendation
    FROM experiment_events
    WINDOW in_order AS (PARTITION BY user_id, session ORDER BY timestamp, n)
) AS linked"""
_DROPPED = pa.schema([("user_id", pa.string())])
_TREATMENTS = pa.schema([("experiments", pa.string()), ("treatment", pa.string())])

Sizes = dict[tuple[int, int], tuple[int, int, int]]
"""By code of the timestamps' unit and year since 1970: number of events, first and last ms."""


@dataclass(frozen=True)
class Question:
    """Which part of a log is followed."""

    experiment: str
    run: str | None = None
    drop: Collection[str] = ()
    metrics: Metrics = field(default_factory=built_in)
    """The primary ones are followed: see `live_metrics.py`."""


@dataclass(frozen=True, eq=False)
class Batch:
    """What new lines add; frames as the SQL files of `offline.experiment` have them.

    `periods` has the number of a user as `user_id`. `completeness` may hold negative counts: the
    lines that links lead from are counted again.
    """

    skipped: Skipped
    notes: tuple[str, ...]
    of_times: tuple[str, ...]
    """A note on the timestamps of the whole log."""
    sizes: Sizes
    held: pa.Table
    """Events that wait for the next look."""
    events: int
    """Usable lines."""
    inside: int
    """Events of the experiment."""
    kept: int
    """Events of the experiment that count."""
    repeated: int
    """Lines that repeat another one."""
    late: int
    """Events that are late or duplicates; only re-reading the log shows which."""
    in_several: int
    """Lines of users in several treatments."""
    moved: int
    """Users with counted events who were later seen in a second treatment."""
    known: tuple[str, ...]
    """Names of the experiments in the log."""
    recent: Ints
    """Timestamps of the latest events, ascending; ms."""
    span: tuple[int, int] | None
    """First and last timestamp of the lines that count."""
    period: str
    periods: pd.DataFrame
    completeness: pd.DataFrame
    provenance: pd.DataFrame


def read_batch(
    files: list[LogFile],
    scratch: Path,
    question: Question,
    users: Users,
    held: pa.Table | None,
    sizes: Sizes,
    since: tuple[int, int] | None,
    base: int,
    hold: bool = True,
    report: Report | None = None,
) -> Batch:
    """Read `files` and the events `held` at the previous look; updates `users`.

    `sizes` and `since` are what the log had so far, of timestamps and of the span of the lines
    that count, and `base` is how many lines. `report` hears how much of the files is read. Raises
    InputError where a file cannot be read, or the log has timestamps in several units.
    """
    small = sum(file.content.stat().st_size for file in files) < _IN_MEMORY
    place = ":memory:" if small else str(scratch / "batch.duckdb")
    connection = duckdb.connect(place)
    try:
        with contextlib.suppress(duckdb.InvalidInputException):
            connection.execute("SET enable_progress_bar = false")
        connection.execute((HERE / "events.sql").read_text())
        skipped = Skipped(0, 0)
        notes: list[str] = []
        rows: list[Row] = []
        if files:
            with reporting(connection, report):
                skipped, notes, rows = read_lines(connection, files, scratch)
        return _Reading(connection, question, users, since).batch(
            skipped, notes, held, _merged(sizes, rows), base, hold
        )
    finally:
        connection.close()


class _Reading:
    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        question: Question,
        users: Users,
        since: tuple[int, int] | None,
    ) -> None:
        self._engine = DuckEngine(connection)
        self._question, self._users, self._since = question, users, since

    def batch(
        self,
        skipped: Skipped,
        notes: list[str],
        held: pa.Table | None,
        sizes: Sizes,
        base: int,
        hold: bool,
    ) -> Batch:
        engine = self._engine
        every: list[Row] = [(None, code, *some, 0) for (code, _), some in sizes.items()]
        timestamp, _, more = timestamps_of(every, lambda _: "one place")
        run = self._question.run
        condition = "TRUE" if run is None else "run = '" + run.replace("'", "''") + "'"
        lines = _LINES.format(
            base=base, columns=EVENTS.format(timestamp=timestamp), condition=condition
        )
        if held is not None and held.num_rows:
            engine.register("held", held)
            lines = f"SELECT * FROM held UNION ALL BY NAME {lines}"
        engine.run(f"CREATE VIEW arrived AS {lines}")
        [(newest,)] = engine.rows("SELECT MAX(timestamp) FROM arrived")
        limit = "TRUE" if newest is None or not hold else f"timestamp <= {newest - HOLD_MS}"
        engine.run(f"CREATE VIEW events AS SELECT * FROM arrived WHERE {limit}")
        waiting = engine.table(f"SELECT * FROM arrived WHERE NOT ({limit})")
        known = self._treatments()
        engine.run((_OWN_SQL / "fresh.sql").read_text())
        counts = self._judge()
        recent = engine.table(
            f"SELECT timestamp FROM arrived ORDER BY timestamp DESC LIMIT {RECENT}"
        )
        ends = "SELECT MIN(timestamp), MAX(timestamp) FROM experiment_events"
        first, last = engine.rows(ends)[0]
        span = self._since
        if first is not None:
            span = (first, last) if span is None else (min(first, span[0]), max(last, span[1]))
        period = "second" if span is None else period_of(*span)
        periods = self._periods(PERIODS[period])
        provenance = _frame(engine, "provenance")
        last_lines = engine.table((_OWN_SQL / "last_lines.sql").read_text())
        completeness = self._completeness()
        self._users.keep(last_lines)
        return Batch(
            skipped=skipped,
            notes=tuple(notes),
            of_times=tuple(more),
            sizes=sizes,
            held=waiting,
            known=known,
            recent=np.sort(recent["timestamp"].to_numpy()),
            span=span,
            period=period,
            periods=periods,
            completeness=completeness,
            provenance=provenance,
            **counts,
        )

    def _treatments(self) -> tuple[str, ...]:
        """Make the table of them; the names of the experiments that there are."""
        known: set[str] = set()
        assigned = []
        for (text,) in self._engine.rows("SELECT DISTINCT experiments FROM events"):
            running = {name: arm for name, arm in json.loads(text).items() if arm is not None}
            known |= running.keys()
            if (arm := running.get(self._question.experiment)) is not None:
                assigned.append({"experiments": text, "treatment": arm})
        self._engine.register("treatments", pa.Table.from_pylist(assigned, _TREATMENTS))
        names = [{"user_id": user} for user in sorted(set(self._question.drop))]
        self._engine.register("dropped_users", pa.Table.from_pylist(names, _DROPPED))
        return tuple(sorted(known))

    def _judge(self) -> dict[str, int]:
        """Make the table `experiment_events`; what became of the lines of the experiment."""
        engine = self._engine
        names = engine.table("SELECT DISTINCT user_id FROM fresh ORDER BY user_id")["user_id"]
        engine.register("known_users", self._users.known(names.to_pylist()))
        engine.run((_OWN_SQL / "experiment_events.sql").read_text())
        several = engine.table("SELECT number FROM several")["number"].to_numpy()
        [(events,)] = engine.rows("SELECT COUNT(*) FROM events")
        [(inside,)] = engine.rows(
            "SELECT COUNT(*) FROM events INNER JOIN treatments USING (experiments)"
            " WHERE user_id NOT IN (SELECT user_id FROM dropped_users)"
        )
        [(fresh,)] = engine.rows("SELECT COUNT(*) FROM fresh")
        [(repeats, old)] = engine.rows(
            "SELECT COUNT(*) FILTER (repeats_last), COUNT(*) FROM old_lines"
        )
        [(in_several,)] = engine.rows(
            "SELECT COUNT(*) FROM fresh INNER JOIN known_users USING (user_id)"
            " INNER JOIN several ON several.number = known_users.number"
        )
        [(kept,)] = engine.rows("SELECT COUNT(*) FROM experiment_events")
        return {
            "events": events,
            "inside": inside,
            "kept": kept,
            "repeated": inside - fresh + repeats,
            "late": old - repeats,
            "in_several": in_several,
            "moved": self._users.leave_out(several),
        }

    def _periods(self, length: int) -> pd.DataFrame:
        """The result of per_period.sql with the columns of the primary metrics."""
        self._engine.run(
            f"CREATE VIEW metric_events AS SELECT user_id, {COLUMNS} FROM experiment_events"
        )
        columns = columns_of(self._question.metrics.primaries)
        text = (SQL / "per_period.sql").read_text()
        sql = text.format(columns=selected(columns, "events"))
        found: pd.DataFrame = self._engine.table(sql, {"period": length}).to_pandas()
        names = {f"c{place}": column for place, column in enumerate(columns)}
        return steady(found, names).rename(columns=names)

    def _completeness(self) -> pd.DataFrame:
        """What the new lines add, with the links that lead to them from the lines before."""
        self._engine.run((_OWN_SQL / "before.sql").read_text())
        whole = completeness_of(self._engine, _LINKED).set_index("treatment")
        self._engine.run("DELETE FROM experiment_events WHERE n >= 0")
        before = completeness_of(self._engine, _LINKED).set_index("treatment")
        return whole.subtract(before, fill_value=0).astype("int64").drop(columns="still_open")


def _merged(sizes: Sizes, rows: Sequence[Row]) -> Sizes:
    """Counts of timestamps of the log so far, with new lines added: rows of `SIZES`."""
    merged = dict(sizes)
    for fault, code, count, low, high, _ in rows:
        if fault is None and code is not None:
            key = code, low // YEAR_MS
            old = merged.get(key, (0, low, high))
            merged[key] = (old[0] + count, min(low, old[1]), max(high, old[2]))
    return merged


def _frame(engine: DuckEngine, query: str) -> pd.DataFrame:
    found: pd.DataFrame = engine.table((SQL / f"{query}.sql").read_text()).to_pandas()
    return found
