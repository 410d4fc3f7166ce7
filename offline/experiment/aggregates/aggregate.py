"""From an open log to the small tables that the statistics work on."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pandas as pd
import pyarrow as pa

from contract.catalog import artist_numbers
from offline.data.catalog import read_tracks
from offline.engine import Engine, Parameters
from offline.errors import InputError
from offline.experiment.aggregates.assignment import (
    CONTROL,
    Assignment,
    assign,
    assign_everybody,
    natural_order,
)
from offline.experiment.aggregates.metric_sql import (
    Progress,
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
    Provenance,
    provenance_of,
    read_published,
    records_beside,
    save_spans,
)
from offline.experiment.aggregates.triggered import Above
from offline.experiment.metric_files import built_in
from offline.experiment.metrics import Metrics
from offline.logs.bad_lines import BadLine, Skipped
from offline.logs.files import is_of_several
from offline.logs.hourly import events_per_hour
from offline.logs.reader import EventLog

SQL = Path(__file__).parent / "sql"
PERIODS = {"day": 86_400_000, "hour": 3_600_000, "minute": 60_000, "second": 1_000}
"""In ms; an experiment is followed by the longest of which it has at least three."""
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


@dataclass(frozen=True)
class Arm:
    """What the log holds of one treatment."""

    treatment: str
    users: int
    lines: int
    sessions: int
    """Finished sessions: those with a `last`."""
    unfinished: int
    users_without_session: int
    """Users without a finished session: they have no mean per session."""


@dataclass(frozen=True)
class Quality:
    """What was read, and what of it did not count."""

    files: tuple[str, ...]
    lines: int
    bad_lines: int
    bad: tuple[BadLine, ...]
    lines_outside: int
    """Usable lines that belong to no treatment of this experiment."""
    duplicates: int
    """Lines of the experiment that were left out, as they repeat an earlier one."""
    lines_in_several: int
    """Lines of users seen in more than one treatment, which are left out."""
    backwards: int
    """Lines that stand in their file after one of the same user with a later timestamp; not looked
    for in files of several logs."""
    dropped_lines: int
    """Lines of the experiment that were left out, as their users were to be dropped."""
    dropped_users: tuple[str, ...]
    """Those of the users to be dropped that the experiment has."""
    users_in_several: int
    """Users seen in more than one treatment; they are left out."""
    first_timestamp: int
    last_timestamp: int
    """Of the experiment's lines; ms since the epoch, UTC."""
    events_per_hour: Mapping[int, int]
    """All usable lines of the log, of whatever experiment; hours since the epoch."""
    skipped: Skipped = field(default_factory=lambda: Skipped(0, 0))
    """The bad lines by what is wrong with them."""
    unit: str = "ms"
    """What the log's timestamps were in, by their size."""
    has_time: bool = True
    """Whether there are timestamps at all; a table may have none."""
    notes: tuple[str, ...] = ()
    """What was taken for granted or left out in reading the log."""


@dataclass(frozen=True, eq=False)
class Aggregates:
    """One experiment, reduced to users and sessions.

    `users` has a row per user and treatment: `user_id` (text), `treatment`, the columns of
    per_user.sql, and those of the `metrics`; the two means per session are NaN for a user without
    a finished session.
    `lengths` counts sessions: `treatment`, `finished` (0 or 1), `length` in log lines, `sessions`.
    `periods` has what each user did in each `period_name`: `user_id`, `treatment`, `period`,
    `lines`, `sessions`, `total_time`. `coverage` has `tracks` per group of 50 users of a
    treatment, `latencies` the `requests` per treatment, `block` of users and `bin` (NaN: 0 s).
    `completeness` has a row per treatment with the columns of completeness.sql. `progress` follows
    each primary metric over the periods; `versions_of` has the sums of each, `above` and `below`,
    of each user in each `number`ed span between changes of a model.
    """

    experiment: str
    arms: tuple[Arm, ...]
    users: pd.DataFrame
    lengths: pd.DataFrame
    periods: pd.DataFrame
    period_name: str
    coverage: pd.DataFrame
    latencies: pd.DataFrame
    completeness: pd.DataFrame
    provenance: Provenance
    versions_of: Mapping[str, pd.DataFrame]
    recommenders: Mapping[str, str]
    """The recommender that answered most of a treatment's requests, where the log says it."""
    quality: Quality
    has_catalog: bool
    metrics: Metrics
    progress: Mapping[str, Progress]
    strays: Mapping[str, int] = field(default_factory=dict)
    """Users of treatments that are not judged: the config has none of that name."""
    source: Literal["log", "table"] = "log"
    """What it was made of: a log of listening, or a table of somebody's."""
    control: str = CONTROL
    """The treatment that the others are compared with, the first of `arms`."""
    users_twice: int = 0
    """Users of a table whose rows contradict each other; they are left out."""

    def of(self, treatment: str) -> pd.DataFrame:
        """The rows of `users` of one treatment."""
        return self.users[self.users["treatment"] == treatment]

    def values(self, treatment: str, metric: str) -> "pd.Series[float]":
        """The column of each user of the treatment that has one."""
        return self.of(treatment)[metric].dropna()


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
    """Reduce an open log to `experiment`; `catalog` (tracks.json) tells the artists.

    `metrics` are those it is judged by; None: the built-in ones.

    The users of `drop` are left out, as if they had never been there, and counted. `declared` are
    the treatments that the config has; see `assign`. `published` are records of publications, to
    those that lie beside the log. Lines that an experiment `above` decides are left out.
    Raises InputError where the log does not have the experiment (naming those it has), has not
    both the control C and another treatment, or the catalog cannot be read.
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
        _frame(log.engine, "completeness"),
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
    """Artists as numbers in text; no rows where the catalog knows none."""
    tracks = [] if catalog is None else read_tracks(catalog)
    tracks = tracks if any(track.artist for track in tracks) else []
    numbers = map(str, artist_numbers(track.artist for track in tracks))
    return pa.table([range(len(tracks)), list(numbers)], _ARTISTS)


def _frame(engine: Engine, query: str, parameters: Parameters = None) -> pd.DataFrame:
    found = engine.table((SQL / f"{query}.sql").read_text(), parameters)
    frame: pd.DataFrame = found.to_pandas()
    return frame


def _recommenders(engine: Engine, treatments: Sequence[str]) -> dict[str, str]:
    """Make the table `treatment_recommenders`; a log does not say what a treatment stands for."""
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


def period_of(first: int, last: int) -> str:
    """The longest of PERIODS of which there are at least three between two moments (ms)."""
    for name, length in PERIODS.items():
        if last // length - first // length >= 2:
            return name
    return "second"
