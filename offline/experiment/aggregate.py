"""From an open log to the small tables that the statistics work on."""

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from offline.errors import InputError
from offline.log_lines import BadLine
from offline.logs import EventLog

HERE = Path(__file__).parent
CONTROL = "C"
METRICS = ("sessions", "mean_session_length", "mean_session_time", "mean_request_time")


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
    users_in_several: int
    """Users seen in more than one treatment; they count in each."""
    first_timestamp: int
    last_timestamp: int
    """Of the experiment's lines; ms since the epoch, UTC."""


@dataclass(frozen=True, eq=False)
class Aggregates:
    """One experiment, reduced to users and sessions.

    `users` has a row per user and treatment: `user_id` (text), `treatment`, `lines`, then METRICS;
    the two means per session are NaN for a user without a finished session. `lengths` counts
    sessions: `treatment`, `finished` (0 or 1), `length` in log lines, `sessions`.
    """

    experiment: str
    arms: tuple[Arm, ...]
    users: pd.DataFrame
    lengths: pd.DataFrame
    quality: Quality

    def values(self, treatment: str, metric: str) -> "pd.Series[float]":
        """The metric of each user of the treatment that has one."""
        return self.users.loc[self.users["treatment"] == treatment, metric].dropna()


def aggregate(log: EventLog, experiment: str) -> Aggregates:
    """Reduce an open log to `experiment`.

    Raises InputError where the log does not have the experiment (naming those it has), or has not
    both the control C and another treatment.
    """
    lines = _assign(log, experiment)
    log.connection.execute((HERE.parent / "sessions.sql").read_text())
    users = log.connection.execute((HERE / "per_user.sql").read_text()).df()
    lengths = log.connection.execute((HERE / "session_lengths.sql").read_text()).df()
    arms = tuple(
        _arm(treatment, users, lengths) for treatment in sorted(lines, key=_natural_order)
    )
    return Aggregates(experiment, arms, users, lengths, _quality(log, users, sum(lines.values())))


def _assign(log: EventLog, experiment: str) -> Counter[str]:
    """Make the table `treatments`; returns lines per treatment."""
    combinations = log.connection.execute(
        "SELECT experiments, COUNT(*) FROM events GROUP BY experiments ORDER BY experiments"
    ).fetchall()
    assigned: list[tuple[str, str]] = []
    lines: Counter[str] = Counter()
    known: set[str] = set()
    for text, count in combinations:
        running = {name: arm for name, arm in json.loads(text).items() if arm is not None}
        known |= running.keys()
        if experiment in running:
            assigned.append((text, running[experiment]))
            lines[running[experiment]] += count
    if not lines:
        found = ", ".join(sorted(known)) or "none"
        raise InputError(f"experiment {experiment} is not in the logs; they have: {found}")
    treatments = ", ".join(sorted(lines, key=_natural_order))
    if CONTROL not in lines or len(lines) < 2:
        raise InputError(
            f"experiment {experiment} has only {treatments} in the logs:"
            f" a comparison needs the control {CONTROL} and at least one other treatment"
        )
    log.connection.execute("CREATE TABLE treatments (experiments VARCHAR, treatment VARCHAR)")
    log.connection.executemany("INSERT INTO treatments VALUES (?, ?)", assigned)
    return lines


def _natural_order(treatment: str) -> tuple[bool, list[tuple[int, str]]]:
    """C first, then T1, T2, ..., T10."""
    parts = re.findall(r"\d+|\D+", treatment)
    return treatment != CONTROL, [
        (int(part), "") if part.isdigit() else (-1, part) for part in parts
    ]


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


def _quality(log: EventLog, users: pd.DataFrame, lines_inside: int) -> Quality:
    first, last = log.connection.execute(
        "SELECT MIN(timestamp), MAX(timestamp) FROM events INNER JOIN treatments"
        " ON treatments.experiments = events.experiments"
    ).fetchall()[0]
    return Quality(
        files=tuple(str(file) for file in log.files),
        lines=log.lines,
        bad_lines=log.bad_lines,
        bad=log.bad,
        lines_outside=log.lines - log.bad_lines - lines_inside,
        users_in_several=int(users["user_id"].duplicated().sum()),
        first_timestamp=first,
        last_timestamp=last,
    )
