"""From an open log to the small tables that the statistics work on."""

from collections.abc import Collection, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa

from contract.catalog import artist_numbers
from offline.data.catalog import read_tracks
from offline.engine import Engine, Parameters
from offline.errors import InputError
from offline.experiment.aggregates.assignment import (
    Assignment,
    assign,
    assign_everybody,
    natural_order,
)
from offline.experiment.aggregates.metric_sql import (
    check_denominators,
    columns_of,
    cut_into_sessions,
    find_fault,
    per_span,
    selected,
    steady,
    with_progress,
)
from offline.experiment.aggregates.provenance import (
    provenance_of,
    read_published,
    records_beside,
    save_spans,
)
from offline.experiment.aggregates.summary import PERIODS, Aggregates, Arm, Quality, period_of
from offline.experiment.aggregates.triggered import Above
from offline.experiment.metric_files import built_in
from offline.experiment.metrics import Metrics
from offline.logs.files import is_of_several
from offline.logs.hourly import events_per_hour
from offline.logs.reader import EventLog

SQL = Path(__file__).parent / "sql"
_COVERAGE_USERS, _BLOCKS = 50, 200
_ARTISTS = pa.schema({"track": pa.int64(), "artist": pa.string()})
_RECOMMENDERS = pa.schema({"treatment": pa.string(), "recommender": pa.string()})
_DROPPED = pa.schema([("user_id", pa.string())])
_JOINED = pa.schema([("file", pa.int32())])
_DROPPED_LINES = """
SELECT events.user_id, COUNT(*)
FROM events
INNER JOIN treatments ON treatments.experiments = events.experiments
INNER JOIN dropped_users ON dropped_users.user_id = events.user_id
GROUP BY events.user_id
ORDER BY events.user_id
"""
_NO_VERSIONS = pd.DataFrame(columns=["user_id", "treatment", "number", "above", "below"])
# Sums over threads differ in their last digits from run to run; a log must make one page.
_STEADY = {"total_time": 9, "mean_session_time": 9, "mean_request_time": 12}


def aggregate(
    log: EventLog,
    experiment: str,
    catalog: str | Path | None = None,
    drop: Collection[str] = (),
    declared: Sequence[str] | None = None,
    published: Sequence[Path] = (),
    metrics: Metrics | None = None,
    above: Above | None = None,
) -> Aggregates:
    """Reduce the log of an experiment to the small tables that the statistics work on.

    Parameters
    ----------
    log : EventLog
        As `open_logs` gives it.
    experiment : str
        Name of the experiment.
    catalog : str or Path, optional
        A `tracks.json`, for metrics of artists.
    drop : collection of str
        Ids of users to leave out, as if they had never been there; they are counted.
    declared : sequence of str, optional
        Treatments in the experiment's config; None: the log's treatments.
    published : sequence of Path
        Records of publications, beside those that lie beside the log.
    metrics : Metrics, optional
        What to compute; None: the built-in metrics.
    above : Above, optional
        Experiments with precedence over this one; events that they determine are excluded.

    Returns
    -------
    Aggregates
        Sums of each user, counts of each arm, and the findings about the log.

    Raises
    ------
    InputError
        Where the log does not have the experiment (names those it has), where it lacks the
        control C or another treatment, and where the catalog cannot be read.

    Examples
    --------
    >>> from offline import open_logs
    >>> from offline.experiment import aggregate
    >>> with open_logs(["log"]) as log:
    ...     aggregates = aggregate(log, "AB")
    >>> [(arm.treatment, arm.users) for arm in aggregates.arms]
    [('C', 200), ('T1', 200)]
    """
    _register_dropped(log.engine, drop)
    assignment = assign(log, experiment, declared, above)
    return _reduce(log, experiment, assignment, catalog, metrics or built_in(), published)


def aggregate_all(
    log: EventLog, catalog: str | Path | None = None, metrics: Metrics | None = None
) -> Aggregates:
    """Reduce a whole log, whatever experiments ran, to one treatment; for what came before one."""
    _register_dropped(log.engine, ())
    return _reduce(log, "", assign_everybody(log), catalog, metrics or built_in())


def _register_dropped(engine: Engine, drop: Collection[str]) -> None:
    names = [{"user_id": user} for user in sorted(set(drop))]
    engine.register("dropped_users", pa.Table.from_pylist(names, _DROPPED))


def _reduce(
    log: EventLog,
    experiment: str,
    assignment: Assignment,
    catalog: str | Path | None,
    metrics: Metrics,
    published: Sequence[Path] = (),
) -> Aggregates:
    lines = assignment.lines
    artists = _artists(catalog)
    log.engine.register("artists", artists)
    joined = [{"file": number} for number, name in enumerate(log.files) if is_of_several(name)]
    log.engine.register("joined_files", pa.Table.from_pylist(joined, _JOINED))
    log.engine.run((SQL / "experiment_events.sql").read_text())
    if not log.engine.rows("SELECT COUNT(*) FROM numbered_events")[0][0]:
        raise InputError(
            f"experiment {experiment}: every user was seen in several treatments, so "
            "none can be judged; users must keep their treatment"
        )
    recommenders = _recommenders(log.engine, list(lines))
    log.engine.run((SQL / "metric_events.sql").read_text())
    cut_into_sessions(log.engine, metrics.primaries)
    users = _users(log.engine, metrics)
    lengths = _frame(log.engine, "session_lengths")
    quality = _quality(log, assignment)
    first, last = quality.first_timestamp, quality.last_timestamp
    period = period_of(first, last)
    per_period = (SQL / "per_period.sql").read_text()
    periods, followed = with_progress(
        log.engine, per_period, metrics.primaries, PERIODS[period], first, last
    )
    periods = periods.round(_STEADY)
    records = read_published([*records_beside(log.files), *published])
    provenance = provenance_of(_frame(log.engine, "provenance"), records)
    versions = {metric.name: _NO_VERSIONS for metric in metrics.primaries}
    if save_spans(log.engine, provenance):
        versions = per_span(log.engine, metrics.primaries)
    log.engine.register("user_groups", pa.Table.from_pandas(_groups(users), preserve_index=False))
    return Aggregates(
        experiment,
        tuple(_arm(treatment, users, lengths) for treatment in sorted(lines, key=natural_order)),
        users,
        lengths,
        periods,
        period,
        _frame(log.engine, "coverage"),
        _frame(log.engine, "latencies"),
        completeness_of(log.engine, "experiment_events"),
        provenance,
        versions,
        recommenders,
        quality,
        bool(artists.num_rows),
        metrics,
        followed,
        assignment.strays,
    )


def _users(engine: Engine, metrics: Metrics) -> pd.DataFrame:
    columns = columns_of(metrics.of_users)
    text = (SQL / "per_user.sql").read_text()
    sql = text.format(
        event_columns=selected(columns, "events"),
        session_columns=selected(columns, "sessions"),
        columns="".join(f",\n    c{place}" for place in range(len(columns))),
    )
    try:
        users: pd.DataFrame = engine.table(sql).to_pandas()
    except Exception as error:  # each engine has its own
        raise find_fault(engine, metrics.of_users, error) from error
    names = {f"c{place}": column for place, column in enumerate(columns)}
    users = steady(users.round(_STEADY), names).rename(columns=names)
    check_denominators(users, metrics.of_users)
    return users


def _artists(catalog: str | Path | None) -> pa.Table:
    """Artist numbers as text, by track; no rows if the catalog has no artists."""
    tracks = [] if catalog is None else read_tracks(catalog)
    tracks = tracks if any(track.artist for track in tracks) else []
    numbers = map(str, artist_numbers(track.artist for track in tracks))
    return pa.table([range(len(tracks)), list(numbers)], _ARTISTS)


def _frame(engine: Engine, query: str, parameters: Parameters = None) -> pd.DataFrame:
    found = engine.table((SQL / f"{query}.sql").read_text(), parameters)
    frame: pd.DataFrame = found.to_pandas()
    return frame


def completeness_of(engine: Engine, rows: str) -> pd.DataFrame:
    """Whether the log is whole, by treatment; `rows` are lines as completeness.sql needs them."""
    sql = (SQL / "completeness.sql").read_text().format(rows=rows)
    frame: pd.DataFrame = engine.table(sql).to_pandas()
    return frame


def _recommenders(engine: Engine, treatments: Sequence[str]) -> dict[str, str]:
    """Make the table `treatment_recommenders`, as the log does not map treatments to them."""
    counts = engine.rows(
        "SELECT treatment, recommender, COUNT(*) FROM experiment_events"
        " WHERE recommender IS NOT NULL GROUP BY treatment, recommender"
    )
    most = {
        treatment: max((count, name) for arm, name, count in counts if arm == treatment)[1]
        for treatment in treatments
        if any(arm == treatment for arm, _, _ in counts)
    }
    names = [{"treatment": treatment, "recommender": name} for treatment, name in most.items()]
    engine.register("treatment_recommenders", pa.Table.from_pylist(names, _RECOMMENDERS))
    return most


def _groups(users: pd.DataFrame) -> pd.DataFrame:
    """Groups of 50 users for coverage (none for those left over), and 200 blocks of users."""
    numbers = users.groupby("treatment").cumcount()
    sizes = users.groupby("treatment")["user_id"].transform("size")
    groups = numbers // _COVERAGE_USERS
    whole = groups < sizes // _COVERAGE_USERS
    return users[["user_id", "treatment"]].assign(
        coverage_group=groups.where(whole).astype("Int64"), block=numbers % _BLOCKS
    )


def _arm(treatment: str, users: pd.DataFrame, lengths: pd.DataFrame) -> Arm:
    own = users[users["treatment"] == treatment]
    unfinished = (lengths["treatment"] == treatment) & (lengths["finished"] == 0)
    return Arm(
        treatment=treatment,
        users=len(own),
        lines=int(own["lines"].sum()),
        sessions=int(own["sessions"].sum()),
        unfinished=int(lengths.loc[unfinished, "sessions"].sum()),
        users_without_session=int((own["sessions"] == 0).sum()),
    )


def _quality(log: EventLog, assignment: Assignment) -> Quality:
    lines_inside = sum(assignment.lines.values())
    [(in_several,)] = log.engine.rows(
        "SELECT CAST(COALESCE(SUM(treatment_users.lines), 0) AS BIGINT) FROM treatment_users"
        " INNER JOIN users_in_several ON users_in_several.user_id = treatment_users.user_id"
        " INNER JOIN compared_treatments"
        " ON compared_treatments.treatment = treatment_users.treatment"
    )
    first, last, backwards, kept = log.engine.rows(
        "SELECT MIN(timestamp), MAX(timestamp), SUM(backwards), COUNT(*) FROM experiment_events"
    )[0]
    dropped = log.engine.rows(_DROPPED_LINES)
    dropped_lines = sum(count for _, count in dropped)
    return Quality(
        files=tuple(str(file) for file in log.files),
        lines=log.lines,
        bad_lines=log.bad_lines,
        bad=log.bad,
        lines_outside=log.lines - log.bad_lines - lines_inside - dropped_lines,
        duplicates=lines_inside - in_several - kept,
        lines_in_several=in_several,
        backwards=int(backwards),
        dropped_lines=dropped_lines,
        dropped_users=tuple(user for user, _ in dropped),
        users_in_several=assignment.in_several,
        first_timestamp=first,
        last_timestamp=last,
        events_per_hour=events_per_hour(log),
        skipped=log.skipped,
        unit=log.unit,
        notes=log.notes,
    )
