"""Logged decisions: recommendation, propensity, and the share heard."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from offline.errors import InputError
from offline.logs.reader import EventLog

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_SQL = Path(__file__).parent / "sql" / "decisions.sql"
_SESSIONS = Path(__file__).parents[1] / "data" / "sql" / "sessions.sql"


@dataclass(frozen=True, eq=False)
class Decisions:
    """Every `next` line of a log in the order of users, sessions and lines; arrays of shape (n,).

    Also those that do not count (`usable` is false there): they are the context of those that do.
    """

    user_ids: tuple[str, ...]
    """Digits; in the order of `users`."""
    users: Ints
    """Numbers from 0."""
    sessions: Ints
    """Numbers that grow; each session has its own."""
    tracks: Ints
    """The track played before the decision: with those above it, what the session has played."""
    times: Floats
    """Share of that track that was heard."""
    recommendations: Ints
    """-1 where there is none."""
    propensities: Floats
    """Chance of the recommendation; NaN where not logged."""
    rewards: Floats
    """Share of the recommended track that was heard; of meaning where `usable`."""
    usable: Bools
    left_out: Mapping[str, int]
    """How many of the decisions that were asked for are not usable, by reason."""
    logged: Ints
    """The different tracks recommended by usable decisions, sorted."""
    reward_range: tuple[float, float] | None = (0.0, 1.0)
    """What a reward can be; None where that is not known."""

    def codes(self, tracks: Ints) -> Ints:
        """Each track's index into `logged`; len(logged) for any other track."""
        places = np.searchsorted(self.logged, tracks)
        found = self.logged[np.minimum(places, len(self.logged) - 1)] == tracks
        return np.where(found, places, len(self.logged))


def read_decisions(
    log: EventLog, *, recommender: str | None = None, first: bool = False
) -> Decisions:
    """Decisions of an open log; usable are those with a propensity in (0, 1] and a known reward.

    `recommender` asks only for those it answered, `first` only for the first of each session.
    Raises InputError where no line has a propensity, or no decision is usable.
    """
    log.engine.run(_SESSIONS.read_text())
    if recommender is not None:
        _check_recommender(log, recommender)
    log.engine.run(_SQL.read_text(), {"recommender": recommender, "first": first})
    rows = log.engine.rows
    reasons = dict(
        rows(
            "SELECT exclusion_reason, COUNT(*) FROM decisions WHERE asked"
            " GROUP BY exclusion_reason"
        )
    )
    if not reasons.pop(None, 0):
        raise InputError(_nothing_usable(reasons))
    ids = rows("SELECT DISTINCT user_id FROM decisions ORDER BY user_id")
    columns = log.engine.table(
        "SELECT * EXCLUDE (user_id, asked, exclusion_reason),"
        " asked AND exclusion_reason IS NULL AS usable"
        " FROM decisions ORDER BY session_number, position"
    )
    recommendations = np.asarray(columns["recommendation"], np.int64)
    usable = np.asarray(columns["usable"], np.bool_)
    return Decisions(
        user_ids=tuple(user for (user,) in ids),
        users=np.asarray(columns["user_number"], np.int64),
        sessions=np.asarray(columns["session_number"], np.int64),
        tracks=np.asarray(columns["track"], np.int64),
        times=np.asarray(columns["time"], np.float64),
        recommendations=recommendations,
        propensities=np.asarray(columns["propensity"], np.float64),
        rewards=np.asarray(columns["reward"], np.float64),
        usable=usable,
        left_out=reasons,
        logged=np.unique(recommendations[usable]),
    )


def _check_recommender(log: EventLog, recommender: str) -> None:
    rows = log.engine.rows(
        "SELECT DISTINCT recommender FROM events WHERE recommender IS NOT NULL ORDER BY ALL"
    )
    names = [name for (name,) in rows]
    if recommender not in names:
        there = ", ".join(names) if names else "no line names one"
        raise InputError(f"no line is answered by {recommender!r}; the log has: {there}")


def _nothing_usable(left_out: Mapping[str, int]) -> str:
    if not left_out:
        return "the log has no `next` line to learn from"
    if set(left_out) <= {"without propensity", "without recommendation"}:
        return (
            "no `next` line has a `propensity`: log the chance with which the recommender chose "
            "its track (see docs/explanation/off-policy.md)"
        )
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in left_out.items())
    return f"no decision of the log can be used: {reasons}"
