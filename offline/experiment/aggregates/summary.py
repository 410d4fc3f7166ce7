"""What an experiment is reduced to, from a log or from a table."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import pandas as pd

from offline.experiment.aggregates.assignment import (
    CONTROL,
)
from offline.experiment.aggregates.metric_sql import (
    Progress,
)
from offline.experiment.aggregates.provenance import (
    Provenance,
)
from offline.experiment.metrics import Metrics
from offline.logs.bad_lines import BadLine, Skipped

PERIODS = {"day": 86_400_000, "hour": 3_600_000, "minute": 60_000, "second": 1_000}
"""In ms; the sequential analysis uses the longest of which an experiment has at least three."""


@dataclass(frozen=True)
class Arm:
    """Counts of one treatment."""

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
    """What was read, and what was excluded."""

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
    """Events that follow a later event of the same user in their file; not counted in files that
    join several logs."""
    dropped_lines: int
    """Lines of the experiment that were left out, as their users were to be dropped."""
    dropped_users: tuple[str, ...]
    """The users to drop that the experiment has."""
    users_in_several: int
    """Users seen in more than one treatment; they are left out."""
    first_timestamp: int
    last_timestamp: int
    """Of the experiment's lines; ms since the epoch, UTC."""
    events_per_hour: Mapping[int, int]
    """All usable lines of the log, of whatever experiment; hours since the epoch."""
    skipped: Skipped = field(default_factory=lambda: Skipped(0, 0))
    """Bad lines by reason."""
    unit: str = "ms"
    """What the log's timestamps were in, by their size."""
    has_time: bool = True
    """Whether there are timestamps at all; a table may have none."""
    notes: tuple[str, ...] = ()
    """Assumptions and omissions in reading the log."""


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
    """The recommender that answered most of a treatment's requests, if the log has it."""
    quality: Quality
    has_catalog: bool
    metrics: Metrics
    progress: Mapping[str, Progress]
    strays: Mapping[str, int] = field(default_factory=dict)
    """Users by treatment, for treatments that the config does not have."""
    source: Literal["log", "shop", "table"] = "log"
    """What it was computed from: a log of music, the log of a shop, or a table."""
    control: str = CONTROL
    """The treatment that the others are compared with, the first of `arms`."""
    users_twice: int = 0
    """Users of a table whose rows contradict each other; they are excluded."""

    def of(self, treatment: str) -> pd.DataFrame:
        """The rows of `users` of one treatment."""
        found = self._by_treatment.get(treatment)
        return self.users.iloc[:0] if found is None else found

    @cached_property
    def _by_treatment(self) -> dict[str, pd.DataFrame]:
        """Cut once: every metric of every arm is read from it."""
        parts = self.users.groupby("treatment", sort=False)
        return {str(name): part for name, part in parts}

    def values(self, treatment: str, metric: str) -> "pd.Series[float]":
        """The column of each user of the treatment that has one."""
        return self.of(treatment)[metric].dropna()


def period_of(first: int, last: int) -> str:
    """The longest of PERIODS of which there are at least three between two moments (ms)."""
    for name, length in PERIODS.items():
        if last // length - first // length >= 2:
            return name
    return "second"
