"""What is found out in the same way in the log of any face."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa

from offline.engine import Engine, Parameters
from offline.experiment.aggregates.assignment import Assignment
from offline.experiment.aggregates.metric_sql import (
    check_denominators,
    columns_of,
    find_fault,
    selected,
    steady,
)
from offline.experiment.aggregates.summary import Quality
from offline.experiment.metrics import Metrics
from offline.logs.hourly import events_per_hour
from offline.logs.reader import EventLog

SQL = Path(__file__).parent / "sql"
_COVERAGE_USERS, _BLOCKS = 50, 200
_RECOMMENDERS = pa.schema({"treatment": pa.string(), "recommender": pa.string()})
_DROPPED_LINES = """
SELECT events.user_id, COUNT(*)
FROM events
INNER JOIN treatments ON treatments.experiments = events.experiments
INNER JOIN dropped_users ON dropped_users.user_id = events.user_id
GROUP BY events.user_id
ORDER BY events.user_id
"""
NO_VERSIONS = pd.DataFrame(columns=["user_id", "treatment", "number", "above", "below"])
# Sums over threads differ in their last digits from run to run; a log must make one page.
STEADY = {"total_time": 9, "mean_session_time": 9, "mean_request_time": 12}


def user_sums(engine: Engine, metrics: Metrics, query: str) -> pd.DataFrame:
    """The result of per_user.sql, or another `query` like it, with a column for each sum."""
    columns = columns_of(metrics.of_users)
    text = (SQL / f"{query}.sql").read_text()
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
    users = steady(users, names).rename(columns=names)
    check_denominators(users, metrics.of_users)
    return users


def frame_of(engine: Engine, query: str, parameters: Parameters = None) -> pd.DataFrame:
    """The result of a file of SQL beside this one."""
    found = engine.table((SQL / f"{query}.sql").read_text(), parameters)
    frame: pd.DataFrame = found.to_pandas()
    return frame


def save_recommenders(engine: Engine, treatments: Sequence[str]) -> dict[str, str]:
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


def groups_of(users: pd.DataFrame) -> pd.DataFrame:
    """Groups of 50 users for coverage (none for those left over), and 200 blocks of users."""
    numbers = users.groupby("treatment").cumcount()
    sizes = users.groupby("treatment")["user_id"].transform("size")
    groups = numbers // _COVERAGE_USERS
    whole = groups < sizes // _COVERAGE_USERS
    return users[["user_id", "treatment"]].assign(
        coverage_group=groups.where(whole).astype("Int64"), block=numbers % _BLOCKS
    )


def quality_of(log: EventLog, assignment: Assignment) -> Quality:
    """What was read of an experiment, and what was left out."""
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
