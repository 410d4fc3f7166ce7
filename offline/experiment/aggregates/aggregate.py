"""From an open log to the small tables that the statistics work on."""

from collections.abc import Collection, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa

from contract.catalog import artist_numbers
from offline.data.catalog import read_tracks
from offline.engine import Engine
from offline.errors import InputError
from offline.experiment.aggregates.assignment import (
    Assignment,
    assign,
    assign_everybody,
    natural_order,
)
from offline.experiment.aggregates.metric_sql import (
    cut_into_sessions,
    per_span,
    with_progress,
)
from offline.experiment.aggregates.parts import (
    NO_VERSIONS,
    STEADY,
    frame_of,
    groups_of,
    quality_of,
    save_recommenders,
    user_sums,
)
from offline.experiment.aggregates.provenance import (
    provenance_of,
    read_published,
    records_beside,
    save_spans,
)
from offline.experiment.aggregates.shop import reduce_shop
from offline.experiment.aggregates.summary import PERIODS, Aggregates, Arm, period_of
from offline.experiment.aggregates.triggered import Above
from offline.experiment.metric_files import built_in
from offline.experiment.metrics import Metrics
from offline.logs.files import is_of_several
from offline.logs.reader import EventLog

SQL = Path(__file__).parent / "sql"
_ARTISTS = pa.schema({"track": pa.int64(), "artist": pa.string()})
_DROPPED = pa.schema([("user_id", pa.string())])
_JOINED = pa.schema([("file", pa.int32())])


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
    metrics = metrics or built_in(log.face)
    if log.face == "shop":
        return reduce_shop(log, experiment, assignment, metrics, published)
    return _reduce(log, experiment, assignment, catalog, metrics, published)


def aggregate_all(
    log: EventLog, catalog: str | Path | None = None, metrics: Metrics | None = None
) -> Aggregates:
    """Reduce a whole log, whatever experiments ran, to one treatment; for what came before one."""
    _register_dropped(log.engine, ())
    metrics = metrics or built_in(log.face)
    if log.face == "shop":
        return reduce_shop(log, "", assign_everybody(log), metrics)
    return _reduce(log, "", assign_everybody(log), catalog, metrics)


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
    recommenders = save_recommenders(log.engine, list(lines))
    log.engine.run((SQL / "metric_events.sql").read_text())
    cut_into_sessions(log.engine, metrics.primaries)
    users = user_sums(log.engine, metrics, "per_user").round(STEADY)
    lengths = frame_of(log.engine, "session_lengths")
    quality = quality_of(log, assignment)
    first, last = quality.first_timestamp, quality.last_timestamp
    period = period_of(first, last)
    per_period = (SQL / "per_period.sql").read_text()
    periods, followed = with_progress(
        log.engine, per_period, metrics.primaries, PERIODS[period], first, last
    )
    periods = periods.round(STEADY)
    records = read_published([*records_beside(log.files), *published])
    provenance = provenance_of(frame_of(log.engine, "provenance"), records)
    versions = {metric.name: NO_VERSIONS for metric in metrics.primaries}
    if save_spans(log.engine, provenance):
        versions = per_span(log.engine, metrics.primaries)
    log.engine.register(
        "user_groups", pa.Table.from_pandas(groups_of(users), preserve_index=False)
    )
    return Aggregates(
        experiment,
        tuple(_arm(treatment, users, lengths) for treatment in sorted(lines, key=natural_order)),
        users,
        lengths,
        periods,
        period,
        frame_of(log.engine, "coverage"),
        frame_of(log.engine, "latencies"),
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


def _artists(catalog: str | Path | None) -> pa.Table:
    """Artist numbers as text, by track; no rows if the catalog has no artists."""
    tracks = [] if catalog is None else read_tracks(catalog)
    tracks = tracks if any(track.artist for track in tracks) else []
    numbers = map(str, artist_numbers(track.artist for track in tracks))
    return pa.table([range(len(tracks)), list(numbers)], _ARTISTS)


def completeness_of(engine: Engine, rows: str) -> pd.DataFrame:
    """Whether the log is whole, by treatment; `rows` are lines as completeness.sql needs them."""
    sql = (SQL / "completeness.sql").read_text().format(rows=rows)
    frame: pd.DataFrame = engine.table(sql).to_pandas()
    return frame


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
