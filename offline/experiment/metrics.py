"""The metrics that an experiment is judged by: a registry.

Each is a ratio of two sums over the users of a treatment. Where the lower sum counts the users
the ratio is a plain mean; else its variance comes by the delta method, because users, not
sessions or requests, were assigned. A new metric is a new entry, and where need be a column of
per_user.sql.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]

FAMILY = ("sessions", "mean_session_length", "mean_session_time", "mean_request_time")
"""The four of the effect table."""


@dataclass(frozen=True)
class Metric:
    """How a metric is computed, and how it is told to people."""

    name: str
    title: str
    meaning: str
    numerator: str
    """Column of `Aggregates.users`."""
    denominator: str | None = None
    """The same; None: the users that have a numerator."""
    scale: float = 1.0
    """What a value is multiplied with to be shown in `unit`."""
    unit: str = ""
    more_is_better: bool = True

    def sums(self, users: pd.DataFrame) -> tuple[Floats, Floats]:
        """Numerator and denominator of each row, shape (n,); both 0 where it has no value."""
        above = users[self.numerator].to_numpy(np.float64, na_value=np.nan)
        if self.denominator is None:
            below = np.ones(len(users))
        else:
            below = users[self.denominator].to_numpy(np.float64, na_value=np.nan)
        missing = np.isnan(above) | np.isnan(below) | (below == 0)
        return np.where(missing, 0.0, above), np.where(missing, 0.0, below)


def contributions(above: Floats, below: Floats) -> Floats:
    """Values whose mean is the ratio of sums, and whose variance is that of the ratio × n.

    The delta method as a linearisation: R + (a_i - R b_i) / mean(b), with R = sum(a) / sum(b)
    (A. Deng, U. Knoblich, J. Lu, "Applying the Delta Method in Metric Analytics", KDD 2018).
    Users with `below` 0 are left out where `below` is 0 or 1, which is a plain mean. Shape (n,),
    NaN for who is left out.
    """
    if not below.sum():
        return np.full(len(above), np.nan)
    if ((below == 0) | (below == 1)).all():
        return np.where(below == 1, above, np.nan)
    ratio = above.sum() / below.sum()
    linear: Floats = ratio + (above - ratio * below) / below.mean()
    return linear


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("sessions", "Sessions", "finished sessions of a user", "sessions"),
        Metric(
            "mean_session_length",
            "Session length",
            "tracks in a session, the first included",
            "mean_session_length",
        ),
        Metric(
            "mean_session_time",
            "Session time",
            "shares of tracks heard, summed over a session",
            "mean_session_time",
        ),
        Metric(
            "mean_request_time",
            "Request time",
            "spent by the service on a request",
            "mean_request_time",
            scale=1000,
            unit=" ms",
            more_is_better=False,
        ),
        Metric("time_per_user", "Time per user", "shares of tracks heard in all", "total_time"),
        Metric(
            "recommended_per_session",
            "Tracks recommended",
            "tracks in a session without the first",
            "recommended",
            "sessions",
        ),
        Metric(
            "long_sessions",
            "Long sessions",
            "share of sessions over 10 tracks",
            "long_sessions",
            "sessions",
            scale=100,
            unit=" %",
        ),
        Metric(
            "repeats",
            "Repeats",
            "share of recommended tracks that the session had played",
            "repeats",
            "recommended",
            scale=100,
            unit=" %",
            more_is_better=False,
        ),
        Metric(
            "fallbacks",
            "Fallbacks",
            "share of answers from another recommender than the treatment's own",
            "fallbacks",
            "answers",
            scale=100,
            unit=" %",
            more_is_better=False,
        ),
        Metric(
            "artists_per_session",
            "Artists",
            "different artists in a session",
            "artists",
            "sessions",
        ),
    )
}

COVERAGE = Metric(
    "coverage", "Coverage", "different tracks recommended to 50 users together", "tracks"
)
TAIL = Metric(
    "request_time_p99",
    "Slowest requests",
    "99 % of the requests take at most so long",
    "",
    scale=1000,
    unit=" ms",
    more_is_better=False,
)
BY_NAME: Mapping[str, Metric] = {**METRICS, COVERAGE.name: COVERAGE, TAIL.name: TAIL}
"""Every metric, those too that are not computed from `Aggregates.users`."""
