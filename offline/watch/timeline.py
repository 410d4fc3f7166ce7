"""Looks at the deciding metric while its log grows: sums of users, and what each look knew.

A look's statistics are those of `offline.experiment.sequential`, from the same sums: only that
what is over is not summed again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from offline.experiment.aggregates.assignment import CONTROL
from offline.experiment.aggregates.summary import PERIODS
from offline.experiment.metric_files import built_in
from offline.experiment.metrics import Metrics
from offline.experiment.sequential import FEWEST, width
from offline.experiment.stats.effects import (
    ALPHA,
    Moments,
    relative_change,
    relative_interval,
    standard_error,
)
from offline.watch.users import Floats, Ints, Users

METRIC = "mean_session_time"
"""The built-in metric that is followed: its sums are those of `_look`."""
_OPEN = 2
"""Periods in which lines may still come."""


@cache
def followed() -> Metrics:
    """The built-in metrics, with the one that is followed as the primary one."""
    return built_in().with_primaries([METRIC])


@dataclass(frozen=True)
class LiveLook:
    """The effect as it stood at the end of a period, in percent of the control mean."""

    period: int
    effect: float
    lower: float
    upper: float
    """Always-valid: it holds at all looks at once."""
    users: tuple[int, int]
    """With a value, of the control and of the treatment."""


class Timeline:
    """Sums of every user up to the open periods, and moments of each treatment at each look."""

    def __init__(self) -> None:
        self.period = "second"
        self._sums = np.zeros((3, 0))
        """Sessions, time, lines; of the periods that are over."""
        self._open: dict[int, Floats] = {}
        """The same, of each period in which lines may still come."""
        self._over: int | None = None
        """The last period that is over."""
        self._moments: dict[int, dict[str, Moments]] = {}

    def add(self, rows: pd.DataFrame, period: str, users: Users) -> int:
        """Add rows of per_period.sql, `user_id` being numbers; how many lines came too late.

        Those of a period that is over count from now on: the looks of then stay without them.
        """
        if period != self.period:
            self._lengthen(PERIODS[period] // PERIODS[self.period])
            self.period = period
        self._sums = _wide(self._sums, len(users))
        self._open = {number: _wide(sums, len(users)) for number, sums in self._open.items()}
        members = _members(users)
        late = 0
        for number, some in rows.groupby("period", sort=True):
            at = int(str(number))
            if self._over is not None and at <= self._over:
                late += int(some["lines"].sum())
                _add(self._sums, some)
            else:
                _add(self._open.setdefault(at, np.zeros_like(self._sums)), some)
            while len(self._open) > _OPEN:
                self._close(members)
        totals = self._sums.copy()
        for at in sorted(self._open):
            totals += self._open[at]
            self._moments[at] = _look(totals, members)
        return late

    def sums(self) -> Floats:
        """Sessions, time and lines of each user until now; shape (3, n)."""
        total: Floats = sum(self._open.values(), start=self._sums)
        return total

    def looks(self, treatment: str, comparisons: int, alpha: float = ALPHA) -> list[LiveLook]:
        """As `sequential.looks`, which says what the intervals are; the last is of now."""
        found: list[LiveLook] = []
        first_error: float | None = None
        for period in sorted(self._moments):
            arms = [self._moments[period].get(name) for name in (CONTROL, treatment)]
            control, treated = arms
            if control is None or treated is None or min(control.n, treated.n) < FEWEST:
                continue
            error = standard_error(control, treated)
            effect = relative_change(control.mean, treated.mean)
            if not error > 0 or effect is None:
                continue
            first_error = first_error or error
            times = width(error, first_error, alpha / comparisons)
            interval = relative_interval(control, treated, times)
            if interval is not None:
                found.append(LiveLook(period, effect, *interval, (control.n, treated.n)))
        return found

    def now(self) -> Mapping[str, Moments]:
        """Of each treatment at the last look."""
        return self._moments[max(self._moments)] if self._moments else {}

    def _close(self, members: Mapping[str, Ints]) -> None:
        """The oldest open period is over."""
        oldest = min(self._open)
        self._sums += self._open.pop(oldest)
        self._moments[oldest] = _look(self._sums, members)
        self._over = oldest

    def _lengthen(self, times: int) -> None:
        """Go over to longer periods: the last look in each is its look."""
        longest: dict[int, int] = {}
        for period in sorted(self._moments):
            longest[period // times] = period
        self._moments = {new: self._moments[old] for new, old in longest.items()}
        open_now: dict[int, Floats] = {}
        for period, sums in self._open.items():
            at = period // times
            open_now[at] = open_now[at] + sums if at in open_now else sums
        self._open = open_now
        if self._over is not None:
            self._over = (self._over + 1) // times - 1


def _look(totals: Floats, members: Mapping[str, Ints]) -> dict[str, Moments]:
    """The mean session time of the users that had a session, by treatment."""
    sessions, time = totals[:2]
    return {
        name: Moments.of(time[some] / sessions[some])
        for name, mine in members.items()
        if len(some := mine[sessions[mine] > 0])
    }


def _add(sums: Floats, rows: pd.DataFrame) -> None:
    numbers = rows["user_id"].to_numpy()
    for row, column in enumerate(("sessions", "total_time", "lines")):
        np.add.at(sums[row], numbers, rows[column].to_numpy(np.float64))


def _wide(sums: Floats, users: int) -> Floats:
    """With a column for each user."""
    missing = users - sums.shape[1]
    return np.hstack([sums, np.zeros((3, missing))]) if missing > 0 else sums


def _members(users: Users) -> dict[str, Ints]:
    """Numbers of the users of each treatment."""
    return {
        name: np.flatnonzero(users.treatment == index)
        for index, name in enumerate(users.treatments)
    }


def period_end(period: int, name: str) -> int:
    """When a period ends; ms since the epoch."""
    return (period + 1) * PERIODS[name]
