"""Further tables that questions need: by day, and of other experiments."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from offline.engine import Engine
from offline.errors import InputError
from offline.experiment.aggregates.metric_sql import per_day
from offline.experiment.aggregates.triggered import Dilution
from offline.experiment.metrics import Metric


@dataclass(frozen=True, eq=False)
class UserTables:
    """Sums of each primary metric, by calendar day (UTC) and by days since a user's first line."""

    days_of: Mapping[str, pd.DataFrame]
    ages_of: Mapping[str, pd.DataFrame]
    others: Mapping[str, str] = field(default_factory=dict)
    """Each user's treatment of the other experiment, for users with exactly one."""
    dilution: Dilution | None = None
    """If experiments take precedence for some of the users."""


def read_user_tables(
    engine: Engine, metrics: Sequence[Metric], other: str | None = None
) -> UserTables:
    """From a log that `aggregate` has reduced and that is still open; `other` names an experiment.

    `metrics` are the primary ones. Raises InputError if no compared user is in the other one.
    """
    days, ages = (
        per_day(engine, metrics, since_first=since_first) for since_first in (False, True)
    )
    return UserTables(days, ages, {} if other is None else _treatments(engine, other))


def _treatments(engine: Engine, experiment: str) -> dict[str, str]:
    """By user, for compared users with exactly one treatment of the experiment."""
    found: dict[str, set[str]] = {}
    for user, text in engine.rows("SELECT DISTINCT user_id, experiments FROM experiment_events"):
        treatment = json.loads(text).get(experiment)
        if treatment is not None:
            found.setdefault(user, set()).add(str(treatment))
    if not found:
        raise InputError(f"--interaction {experiment}: the log has no user of it")
    return {user: min(arms) for user, arms in found.items() if len(arms) == 1}
