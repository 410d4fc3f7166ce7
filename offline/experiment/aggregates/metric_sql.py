"""Metrics computed: the SQL of each over the rows of a user, one text on every engine.

`metric_events` has a row per line of the experiment, `experiment_sessions` one per session; a
metric sees them as `events` and `sessions`. What a user's rows add up to becomes a column, named
by its source and its SQL, so that what several metrics share is computed once.
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from offline.engine import Engine, Parameters
from offline.engine.duck import DuckEngine
from offline.errors import InputError
from offline.experiment.metrics import Metric, Source
from offline.logs.forms import Face

SQL = Path(__file__).parent / "sql"
RELATIONS: dict[Source, str] = {"events": "metric_events", "sessions": "experiment_sessions"}
MOST_LOOKS = 30
"""Looks of a metric that must be computed anew for each."""
_ENDS: dict[Source, str] = {"events": "timestamp", "sessions": "ended"}
_DIGITS = 10
"""Sums over threads differ in their last digits from run to run; a log must make one page."""
_MUSIC_EMPTY = """
CREATE TABLE metric_events (
    n BIGINT, file INTEGER, message VARCHAR, timestamp BIGINT, user_id VARCHAR, track BIGINT,
    time DOUBLE, latency DOUBLE, session VARCHAR, recommendation BIGINT, recommender VARCHAR,
    experiments VARCHAR, run VARCHAR, world_version VARCHAR, model_version VARCHAR,
    treatment VARCHAR, part BIGINT, backwards INTEGER, own_recommender VARCHAR
);
CREATE TABLE experiment_sessions (
    user_id VARCHAR, treatment VARCHAR, finished INTEGER, length BIGINT, repeats BIGINT,
    artists BIGINT, started BIGINT, ended BIGINT, total_time DOUBLE
);
"""
_SHOP_EMPTY = """
CREATE TABLE metric_events (
    n BIGINT, file INTEGER, message VARCHAR, timestamp BIGINT, user_id VARCHAR, item VARCHAR,
    event VARCHAR, price DOUBLE, quantity DOUBLE, value DOUBLE, latency DOUBLE, session VARCHAR,
    request VARCHAR, k BIGINT, shown_items BIGINT, recommender VARCHAR, run VARCHAR,
    model_version VARCHAR, attributed INTEGER, lost INTEGER, experiments VARCHAR,
    treatment VARCHAR, part BIGINT, own_recommender VARCHAR
);
CREATE TABLE experiment_sessions (
    user_id VARCHAR, treatment VARCHAR, finished INTEGER, length BIGINT, started BIGINT,
    ended BIGINT, answers BIGINT
);
"""
_EMPTY: dict[Face, str] = {"music": _MUSIC_EMPTY, "shop": _SHOP_EMPTY}


@dataclass(frozen=True, eq=False)
class Progress:
    """The sums of a primary metric over time.

    `rows` has `user_id`, `treatment`, `period`, `above` and `below`: what the period added, or
    where `whole`, what they were at its end, for everybody seen until then.
    """

    rows: pd.DataFrame
    whole: bool = False


def columns_of(metrics: Iterable[Metric]) -> list[str]:
    """The columns that the metrics need, each once."""
    found = [name for metric in metrics for name in (metric.above, metric.below) if name]
    return list(dict.fromkeys(found))


def selected(columns: Sequence[str], source: Source) -> str:
    """Items of a SELECT over the rows of a user, each after a comma: c0, c1, ... by place."""
    return "".join(
        f",\n    CAST({column.partition(': ')[2]} AS DOUBLE) AS c{place}"
        for place, column in enumerate(columns)
        if column.startswith(f"{source}: ")
    )


def check_metrics(metrics: Iterable[Metric], face: Face = "music") -> None:
    """Raises InputError that names the first metric whose SQL cannot be run; reads no log."""
    connection = duckdb.connect()
    connection.execute(_EMPTY[face])
    engine = DuckEngine(connection)
    try:
        for metric in metrics:
            _try(engine, metric)
    finally:
        connection.close()


def find_fault(engine: Engine, metrics: Iterable[Metric], error: Exception) -> InputError:
    """The error of the metric whose SQL failed on a log, found by running each separately."""
    for metric in metrics:
        try:
            _try(engine, metric)
        except InputError as found:
            return found
    return InputError(f"the metrics cannot be computed: {_first_line(error)}")


def _try(engine: Engine, metric: Metric) -> None:
    for part, column in (("numerator", metric.above), ("denominator", metric.below)):
        if column is None:
            continue
        sql = (
            f"SELECT SUM(c0) FROM (SELECT user_id{selected([column], metric.source)}"
            f" FROM {RELATIONS[metric.source]} GROUP BY user_id, treatment) AS found"
        )
        try:
            engine.rows(sql)
        except Exception as error:  # each engine has its own, and any is the metric's
            raise InputError(
                f"metric {metric.name}: its {part} cannot be computed: {_first_line(error)}"
            ) from error


def _first_line(error: Exception) -> str:
    text = str(getattr(error, "java_exception", error)).strip()
    return text.splitlines()[0] if text else type(error).__name__


def steady(frame: pd.DataFrame, columns: Iterable[str]) -> pd.DataFrame:
    """The frame with these columns rounded to as many digits as are the same in every run."""
    for name in columns:
        values = frame[name].to_numpy(np.float64, na_value=np.nan)
        values = np.where(np.isfinite(values), values, np.nan)
        if (values == np.round(values))[~np.isnan(values)].all():
            frame[name] = values
            continue
        with np.errstate(divide="ignore"):
            size = np.floor(np.log10(np.abs(np.where(values == 0, 1.0, values))))
        power = 10.0 ** (_DIGITS - 1 - np.clip(size, -200, 200))
        frame[name] = np.where(np.isnan(values), np.nan, np.round(values * power) / power)
    return frame


_SUM = re.compile(r"(?:SUM|COUNT)\s*\((?!\s*DISTINCT\b)", re.IGNORECASE)


def is_additive(sql: str | None) -> bool:
    """Whether what two parts of the rows give can be added: one SUM or COUNT, and no more.

    >>> is_additive("SUM(CASE WHEN time > 0 THEN 1 ELSE 0 END)")
    True
    >>> is_additive("SUM(time) / COUNT(*)"), is_additive("COUNT(DISTINCT track)")
    (False, False)
    """
    if sql is None:
        return True
    found = _SUM.match(sql)
    if not found:
        return False
    depth = 1
    for place, character in enumerate(sql[found.end() :], found.end() + 1):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if not depth:
            return place == len(sql)
    return False


def adds_up(metric: Metric) -> bool:
    """Whether the sums of periods can be added."""
    return is_additive(metric.numerator) and is_additive(metric.denominator)


def with_progress(
    engine: Engine, sql: str, metrics: Sequence[Metric], length: int, first: int, last: int
) -> tuple[pd.DataFrame, dict[str, Progress]]:
    """The result of per_period.sql, and each metric's progress, of the same pass if it can be."""
    together = [some for some in metrics if some.source == "events" and adds_up(some)]
    columns = columns_of(together)
    frame = _frame(engine, sql.format(columns=selected(columns, "events")), {"period": length})
    names = {f"c{place}": column for place, column in enumerate(columns)}
    frame = steady(frame, names).rename(columns=names)
    found = {}
    for metric in metrics:
        if metric not in together:
            found[metric.name] = progress(engine, metric, length, first, last)
            continue
        rows = frame[["user_id", "treatment", "period"]].assign(above=frame[metric.above])
        rows["below"] = 1.0 if metric.below is None else frame[metric.below]
        found[metric.name] = Progress(rows)
    return frame.drop(columns=columns), found


def progress(engine: Engine, metric: Metric, length: int, first: int, last: int) -> Progress:
    """A metric's sums by period of `length` ms, from the one with `first` to that with `last`.

    Additive sums take one query; others are recomputed for each of at most MOST_LOOKS periods.
    """
    when = _ENDS[metric.source]
    items = _items(metric)
    if adds_up(metric):
        period = f"CAST(FLOOR({when} / $period) AS BIGINT)"
        frame = _frame(
            engine,
            f"SELECT user_id, treatment, {period} AS period{items}"
            f" FROM {RELATIONS[metric.source]} GROUP BY user_id, treatment, {period}"
            " ORDER BY period, treatment, user_id",
            {"period": length},
        )
        return Progress(_sums(frame, metric))
    periods = np.arange(first // length, last // length + 1)
    places = np.unique(np.linspace(0, len(periods) - 1, min(MOST_LOOKS, len(periods))).round())
    parts = []
    for period in periods[places.astype(np.int64)].tolist():
        frame = _frame(
            engine,
            f"SELECT user_id, treatment, CAST($period AS BIGINT) AS period{items}"
            f" FROM {RELATIONS[metric.source]} WHERE {when} < $until GROUP BY user_id, treatment"
            " ORDER BY treatment, user_id",
            {"period": period, "until": (period + 1) * length},
        )
        parts.append(frame)
    return Progress(_sums(pd.concat(parts, ignore_index=True), metric), whole=True)


def cut_into_sessions(
    engine: Engine, metrics: Sequence[Metric], query: str = "experiment_sessions"
) -> None:
    """Make `experiment_sessions`, with the sums of metrics that add up over sessions: c0, c1, ...

    Queries by day and by version then read sessions instead of events. Raises InputError that
    names the metric whose SQL fails on the log.
    """
    summed = _of_lines(metrics)
    columns = selected(columns_of(summed), "events")
    try:
        engine.run((SQL / f"{query}.sql").read_text().format(columns=columns))
    except Exception as error:  # each engine has its own
        raise find_fault(engine, summed, error) from error


def per_span(engine: Engine, metrics: Sequence[Metric]) -> dict[str, pd.DataFrame]:
    """Each metric's sums in each of `version_spans`: `user_id`, `treatment`, `number`, both sums.

    `metrics` are those that the sessions were cut with.
    """
    return _by_start(engine, "per_version", metrics, None)


def per_day(
    engine: Engine, metrics: Sequence[Metric], *, since_first: bool
) -> dict[str, pd.DataFrame]:
    """Each metric's sums on each day: `user_id`, `treatment`, `day`, both sums.

    A calendar day (UTC) since the epoch, or one of the user's own, counted from its first line.
    `metrics` are those that the sessions were cut with.
    """
    return _by_start(engine, "per_day", metrics, {"since_first": since_first})


_BEGUN: dict[Source, str] = {
    "events": "(SELECT *, MIN(timestamp) OVER (PARTITION BY user_id, session, part) AS began"
    " FROM metric_events) AS begun",
    "sessions": "(SELECT *, started AS began FROM experiment_sessions) AS begun",
}
"""Rows with the start of their session, to which they belong."""


def _of_lines(metrics: Sequence[Metric]) -> list[Metric]:
    return [metric for metric in metrics if metric.source == "events" and adds_up(metric)]


def _by_start(
    engine: Engine, name: str, metrics: Sequence[Metric], parameters: Parameters
) -> dict[str, pd.DataFrame]:
    """Sums by metric over the sessions that began in each interval.

    Metrics over sessions, and those that were summed with them, are read in one pass.
    """
    text = (SQL / f"{name}.sql").read_text()
    summed = _of_lines(metrics)
    columns, found = columns_of(summed), {}
    together = [metric for metric in metrics if metric in summed or metric.source == "sessions"]
    others = columns_of(some for some in together if some not in summed)
    items = "".join(f",\n    SUM(c{place}) AS s{place}" for place in range(len(columns)))
    items += selected(others, "sessions")
    if together:
        frame = _frame(engine, text.format(rows=_BEGUN["sessions"], columns=items), parameters)
        places = {column: f"s{place}" for place, column in enumerate(columns)}
        places |= {column: f"c{place}" for place, column in enumerate(others)}
        frame = steady(frame, places.values())
        by = list(frame.columns[:3])
        for metric in together:
            rows = frame[by].assign(above=frame[places[metric.above]], below=1.0)
            if metric.below is not None:
                rows["below"] = frame[places[metric.below]]
            found[metric.name] = rows
    for metric in metrics:
        if metric not in together:
            sql = text.format(rows=_BEGUN[metric.source], columns=_items(metric))
            found[metric.name] = _sums(_frame(engine, sql, parameters), metric)
    return found


def _items(metric: Metric) -> str:
    columns = [metric.above] if metric.below is None else [metric.above, metric.below]
    return selected(columns, metric.source)


def _frame(engine: Engine, sql: str, parameters: Parameters = None) -> pd.DataFrame:
    frame: pd.DataFrame = engine.table(sql, parameters).to_pandas()
    return frame


def _sums(frame: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    if metric.below is None:
        frame["c1"] = 1.0
    return steady(frame, ["c0", "c1"]).rename(columns={"c0": "above", "c1": "below"})


def check_denominators(users: pd.DataFrame, metrics: Iterable[Metric]) -> None:
    """Raises InputError where a ratio is over less than nothing: its users weigh by it."""
    for metric in metrics:
        if metric.kind == "ratio" and metric.below is not None:
            values = users[metric.below].to_numpy(np.float64)
            if len(values) and (least := np.nanmin(np.append(values, math.inf))) < 0:
                user = users["user_id"].iloc[int(np.nanargmin(values))]
                raise InputError(
                    f"metric {metric.name}: its denominator is {least:g} for user {user}, and "
                    "users count by it: it cannot be below 0"
                )
