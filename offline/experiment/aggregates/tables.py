"""An experiment from a table of any origin: one row per user, or one per event."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from contract.timestamps import UNITS
from offline.engine.duck import DuckEngine
from offline.engine.quoting import quoted
from offline.errors import InputError
from offline.experiment.aggregates.assignment import CONTROL, judged_of, natural_order
from offline.experiment.aggregates.metric_sql import (
    Progress,
    check_denominators,
    columns_of,
    find_fault,
    progress,
    selected,
    steady,
)
from offline.experiment.aggregates.provenance import Provenance
from offline.experiment.aggregates.summary import PERIODS, Aggregates, Arm, Quality, period_of
from offline.experiment.aggregates.table_metrics import before_name
from offline.experiment.metrics import Metrics
from offline.logs.time_units import YEAR_MS, stray_times
from offline.tables.header import Columns, columns_in
from offline.tables.typed_rows import Table, read_table

MOST_TREATMENTS = 20
_MS = UNITS.index("ms") + 1


@dataclass(frozen=True)
class TableInput:
    """Where a table is, and what its columns mean."""

    files: tuple[tuple[str | None, Path], ...]
    """Each with its treatment; None where a column has the treatment."""
    unit: str | None
    treatment: str | None
    by_event: bool = False
    """Whether a unit has many rows."""
    time: str | None = None
    control: str | None = None


def aggregate_table(
    connection: duckdb.DuckDBPyConnection,
    said: TableInput,
    metrics: Metrics,
    *,
    title: str = "",
    drop: Collection[str] = (),
    declared: Sequence[str] | None = None,
) -> Aggregates:
    """Reduce a table to its users, in a separate database.

    Raises InputError where the files cannot be read, where no treatment is the control, or where a
    metric cannot be computed.
    """
    before = tuple(
        dict.fromkeys(m.before.partition(": ")[2] for m in metrics.by_name.values() if m.before)
    )
    sqls = [sql for m in metrics.of_users for sql in (m.numerator, m.denominator) if sql]
    values = columns_in([path for _, path in said.files], sqls)
    roles = Columns(said.unit, said.treatment, said.time, before, values)
    _check_columns(metrics, values)
    table = read_table(connection, said.files, roles)
    _check_numbers(metrics, table, values)
    engine = DuckEngine(connection)
    users = _treatments(connection)
    control = _control(users, said, declared)
    judged = _judged(users, control, declared)
    counts = _select(connection, judged, drop, table, by_event=said.by_event)
    frame = _users(engine, metrics, before)
    _check_arms(frame, judged, said)
    check_denominators(frame, metrics.of_users)
    quality = _quality(engine, table, counts, said)
    period = period_of(quality.first_timestamp, quality.last_timestamp) if said.time else "day"
    followed = {
        some.name: progress(
            engine, some, PERIODS[period], quality.first_timestamp, quality.last_timestamp
        )
        if said.time
        else Progress(pd.DataFrame(columns=["user_id", "treatment", "period", "above", "below"]))
        for some in metrics.primaries
    }
    return Aggregates(
        title or said.treatment or said.files[0][1].stem,
        tuple(_arm(name, frame) for name in judged),
        frame,
        _empty("treatment", "finished", "length", "sessions"),
        _empty("user_id", "treatment", "period", "lines", "sessions", "total_time"),
        period,
        _empty("treatment", "coverage_group", "tracks"),
        _empty("treatment", "block", "bin", "requests"),
        _empty("treatment"),
        Provenance({}, {}, (), False, {}),
        {},
        {},
        quality,
        False,
        _shown(metrics, frame),
        followed,
        {name: count for name, count in users.items() if name not in judged},
        "table",
        control,
        counts["users_twice"],
    )


def _empty(*columns: str) -> pd.DataFrame:
    return pd.DataFrame({name: [] for name in columns})


def _check_columns(metrics: Metrics, values: Sequence[str]) -> None:
    """Raises InputError for a metric that is a column which is not there."""
    for metric in metrics.of_users:
        for sql in (metric.numerator, metric.denominator):
            found = re.fullmatch(r'(?:SUM\()?"((?:[^"]|"")+)"\)?', sql or "")
            if found and found[1].replace('""', '"').lower() not in {v.lower() for v in values}:
                raise InputError(f"metric {metric.name}: the table has no column {found[1]!r}")


def _check_numbers(metrics: Metrics, table: Table, values: Sequence[str]) -> None:
    """Raises InputError for a metric that is a column of texts."""
    texts = {name.lower() for name in values} - {name.lower() for name in table.numbers}
    for metric in metrics.of_users:
        for sql in (metric.numerator, metric.denominator):
            found = re.fullmatch(r'(?:\w+\()?"?([^"()]+)"?\)?', sql or "")
            if found and found[1].lower() in texts and not (sql or "").upper().startswith("COUNT"):
                [(value,)] = table.connection.execute(
                    f"SELECT FIRST({quoted(found[1])}) FILTER ({quoted(found[1])} IS NOT NULL)"
                    " FROM table_rows"
                ).fetchall()
                raise InputError(
                    f"metric {metric.name}: column {found[1]!r} is not of numbers: {value!r}"
                )


def _treatments(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Users of each treatment, in their order."""
    rows = connection.execute(
        "SELECT treatment, COUNT(DISTINCT user_id) FROM table_rows GROUP BY treatment"
    ).fetchall()
    return dict(sorted(rows, key=lambda row: natural_order(row[0])))


def _control(users: Mapping[str, int], said: TableInput, declared: Sequence[str] | None) -> str:
    """The control. Raises InputError that lists the treatments if none is known to be it."""
    shown = ", ".join(f"{name} ({count:,} users)" for name, count in list(users.items())[:9])
    place = f"column {said.treatment!r}" if said.treatment else "--table"
    if said.control is not None:
        if said.control not in users:
            raise InputError(f"--control {said.control}: {place} has {shown}")
        return said.control
    names = [name for name in (declared or users) if name in users]
    named = [name for name in names if name == CONTROL]
    named = named or [name for name in names if name.lower() == "control"]
    if len(named) != 1:
        raise InputError(f"say which treatment is the control by --control: {place} has {shown}")
    return named[0]


def _judged(
    users: Mapping[str, int], control: str, declared: Sequence[str] | None
) -> tuple[str, ...]:
    """The treatments under study, the control first."""
    if declared is not None and (missing := [name for name in declared if name not in users]):
        raise InputError(f"the table has no treatment {missing[0]}: it has {', '.join(users)}")
    names = [name for name in judged_of(users, declared) if name != control]
    if declared is not None and control not in declared:
        raise InputError(f"the control {control} is not one of {', '.join(declared)}")
    if not names:
        raise InputError(
            f"the table has only {', '.join(users)}: a comparison needs the control and at least "
            "one other treatment"
        )
    if len(names) >= MOST_TREATMENTS:
        raise InputError(
            f"the treatment has {len(users):,} values: is it the right column? --treatments names "
            "those to judge"
        )
    return (control, *names)


def _select(
    connection: duckdb.DuckDBPyConnection,
    judged: Sequence[str],
    drop: Collection[str],
    table: Table,
    *,
    by_event: bool,
) -> dict[str, int]:
    """Make `metric_events`, the rows of the compared treatments, and count the others."""
    connection.execute("CREATE TABLE compared_treatments (treatment VARCHAR)")
    rows = [[name] for name in judged]
    connection.executemany("INSERT INTO compared_treatments VALUES (?)", rows)
    connection.execute("CREATE TABLE dropped_users (user_id VARCHAR)")
    if drop:
        named = [[user] for user in sorted(set(drop))]
        connection.executemany("INSERT INTO dropped_users VALUES (?)", named)
    # Users in several treatments of the table, including treatments that are not compared.
    connection.execute(
        "CREATE TABLE users_in_several AS SELECT user_id FROM table_rows"
        " WHERE user_id NOT IN (SELECT user_id FROM dropped_users)"
        " GROUP BY user_id HAVING COUNT(DISTINCT treatment) > 1"
    )
    twice, repeats = "SELECT NULL AS user_id WHERE FALSE", "FALSE"
    if not by_event:
        # Duplicate rows count once; users whose rows differ have no single value.
        columns = connection.table("table_rows").columns
        alike = ", ".join(quoted(name) for name in columns if name not in ("file", "n"))
        connection.execute(
            "CREATE TABLE distinct_rows AS SELECT MIN(n) AS n, ANY_VALUE(user_id) AS user_id"
            f" FROM table_rows GROUP BY {alike}"
        )
        twice = "SELECT user_id FROM distinct_rows GROUP BY user_id HAVING COUNT(*) > 1"
        repeats = "n NOT IN (SELECT n FROM distinct_rows)"
    connection.execute(f"CREATE TABLE users_twice AS {twice}")
    [row] = connection.execute(
        f"""
        SELECT
            COUNT(*) FILTER (is_dropped),
            COUNT(*) FILTER (NOT is_dropped AND NOT is_judged),
            COUNT(*) FILTER (NOT is_dropped AND is_judged AND is_several),
            COUNT(*) FILTER (NOT is_dropped AND is_judged AND NOT is_several AND is_repeat),
            (SELECT COUNT(*) FROM users_in_several),
            (
                SELECT COUNT(*) FROM users_twice
                WHERE user_id NOT IN (SELECT user_id FROM users_in_several)
            )
        FROM (
            SELECT
                user_id IN (SELECT user_id FROM dropped_users) AS is_dropped,
                treatment IN (SELECT treatment FROM compared_treatments) AS is_judged,
                user_id IN (SELECT user_id FROM users_in_several) AS is_several,
                {repeats} AS is_repeat
            FROM table_rows
        )
        """
    ).fetchall()
    connection.execute(
        f"CREATE TABLE metric_events AS SELECT * FROM table_rows WHERE NOT ({repeats})"
        " AND treatment IN (SELECT treatment FROM compared_treatments)"
        " AND user_id NOT IN (SELECT user_id FROM dropped_users)"
        " AND user_id NOT IN (SELECT user_id FROM users_in_several)"
        " AND user_id NOT IN (SELECT user_id FROM users_twice WHERE user_id IS NOT NULL)"
    )
    names = ("dropped", "outside", "in_several", "duplicates", "users_in_several", "users_twice")
    return dict(zip(names, map(int, row), strict=True))


def _users(engine: DuckEngine, metrics: Metrics, before: Sequence[str]) -> pd.DataFrame:
    columns = columns_of(metrics.of_users)
    past = "".join(f", AVG({quoted(name)}) AS b{place}" for place, name in enumerate(before))
    sql = (
        f"SELECT user_id, treatment, COUNT(*) AS lines{selected(columns, 'events')}{past}"
        " FROM metric_events GROUP BY user_id, treatment ORDER BY treatment, user_id"
    )
    try:
        users: pd.DataFrame = engine.table(sql).to_pandas()
    except duckdb.Error as error:
        raise find_fault(engine, metrics.of_users, error) from error
    names = {f"c{place}": column for place, column in enumerate(columns)}
    names |= {f"b{place}": before_name(name) for place, name in enumerate(before)}
    return steady(users, names).rename(columns=names)


def _check_arms(users: pd.DataFrame, judged: Sequence[str], said: TableInput) -> None:
    there = set(users["treatment"])
    if empty := [name for name in judged if name not in there]:
        raise InputError(
            f"no user of {empty[0]} is left: all were in several treatments, or have rows that "
            "contradict each other" + ("" if said.by_event else "; for a row per event: --events")
        )


def _quality(
    engine: DuckEngine, table: Table, counts: Mapping[str, int], said: TableInput
) -> Quality:
    first, last = engine.rows("SELECT MIN(timestamp), MAX(timestamp) FROM metric_events")[0]
    dropped = engine.rows(
        "SELECT DISTINCT user_id FROM table_rows"
        " WHERE user_id IN (SELECT user_id FROM dropped_users) ORDER BY user_id"
    )
    notes = [*table.notes, *_stray_times(engine, table)]
    if said.unit is None:
        notes.append("no --unit: each row was taken for a user of its own")
    return Quality(
        files=tuple(str(path) for path in table.files),
        lines=table.skipped.lines,
        bad_lines=table.skipped.bad,
        bad=table.skipped.named,
        lines_outside=counts["outside"],
        duplicates=counts["duplicates"],
        lines_in_several=counts["in_several"],
        backwards=0,
        dropped_lines=counts["dropped"],
        dropped_users=tuple(user for (user,) in dropped),
        users_in_several=counts["users_in_several"],
        first_timestamp=first or 0,
        last_timestamp=last or 0,
        events_per_hour={},
        skipped=table.skipped,
        has_time=said.time is not None,
        notes=tuple(notes),
    )


def _stray_times(engine: DuckEngine, table: Table) -> list[str]:
    rows = [
        (None, _MS, *some)
        for some in engine.rows(
            "SELECT COUNT(*), MIN(timestamp), MAX(timestamp), MIN(n) FROM metric_events"
            f" WHERE timestamp IS NOT NULL GROUP BY FLOOR(timestamp / {YEAR_MS})"
        )
    ]

    def place(n: int) -> str:
        found = "SELECT file, user_id FROM metric_events WHERE n = $n"
        [(file, user)] = engine.rows(found, {"n": n})
        return f"user {user} in {table.files[file]}"

    return stray_times(rows, place, noun="rows")


def _arm(name: str, users: pd.DataFrame) -> Arm:
    own = users[users["treatment"] == name]
    return Arm(name, len(own), int(own["lines"].sum()), 0, 0, 0)


def _shown(metrics: Metrics, users: pd.DataFrame) -> Metrics:
    """By default, metrics with only the values 0 and 1 are shown in percent."""
    found = {}
    for name, some in metrics.by_name.items():
        above, below = some.sums(users)
        values = above[below != 0]
        is_share = some.kind == "mean" and len(values) and np.isin(values, (0.0, 1.0)).all()
        said = some.unit or some.scale != 1 or some.decimals is not None
        found[name] = replace(some, scale=100.0, unit=" %") if is_share and not said else some
    return replace(metrics, by_name=found)
