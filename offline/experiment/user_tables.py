"""What questions need of a log beside the aggregates: by day, and of other experiments."""

from dataclasses import dataclass

import pandas as pd

from offline.engine import Engine
from offline.experiment.aggregate import SQL

_STEADY = {"total_time": 9, "mean_session_time": 9, "mean_request_time": 12}


@dataclass(frozen=True, eq=False)
class UserTables:
    """Rows of per_day.sql: by calendar day (UTC), and by days since a user's own first line."""

    days: pd.DataFrame
    ages: pd.DataFrame


def read_user_tables(engine: Engine) -> UserTables:
    """From a log that `aggregate` has reduced and that is still open."""
    sql = (SQL / "per_day.sql").read_text()
    days, ages = (
        engine.table(sql, {"since_first": since_first}).to_pandas().round(_STEADY)
        for since_first in (False, True)
    )
    return UserTables(days, ages)
