"""Looks at the primary metrics while its log grows: sums of users, and what each look knew.

A look's statistics are those of `offline.experiment.sequential`, from the same sums, except that
finished periods are not summed again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from offline.errors import InputError
from offline.experiment.aggregates.assignment import CONTROL
from offline.experiment.aggregates.metric_sql import columns_of
from offline.experiment.aggregates.summary import PERIODS
from offline.experiment.metrics import Metric
from offline.experiment.sequential import FEWEST, width
from offline.experiment.stats.effects import (
    ALPHA,
    Moments,
    relative_change,
    relative_interval,
    standard_error,
)
from offline.experiment.stats.sample import Sample
from offline.watch.users import Floats, Ints, Users

_OPEN = 2
"""Periods in which lines may still come."""


class Value(NamedTuple):
    """A metric of one treatment at a look."""

    users: int
    """With a value."""
    moments: Moments


@dataclass(frozen=True)
class LiveLook:
    """The effect as it stood at the end of a period, in percent of the control mean."""

    period: int
    effect: float
    lower: float
    upper: float
    """Always-valid: it holds at all looks simultaneously."""
    users: tuple[int, int]
    """With a value, of the control and of the treatment."""


class Timeline:
    """Sums of every user up to the open periods, and moments of each treatment at each look."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self.period = "second"
        self._metrics = tuple(metrics)
        self._columns = ("sessions", "lines", *columns_of(self._metrics))
        """The columns of per_period.sql that are summed."""
        whole = [metric.above for metric in self._metrics if metric.below is None]
        self._valued = tuple(dict.fromkeys(whole))
        """Columns that are a user's value themselves: users with one are counted too."""
        self._sums = np.zeros((len(self._columns) + len(self._valued), 0))
        """`_columns`, then in how many periods a user had each of `_valued`; of the periods that
        are over."""
        self._open: dict[int, Floats] = {}
        """The same by period, for periods that may still get events."""
        self._over: int | None = None
        """The last period that is over."""
        self._values: dict[int, dict[str, dict[str, Value]]] = {}
        """By period, metric and treatment."""

    def add(self, rows: pd.DataFrame, period: str, users: Users) -> int:
        """Add rows of per_period.sql, with numbers as `user_id`; returns the count of late events.

        Events of a finished period count from now on; earlier looks are not recomputed.
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
                self._add(self._sums, some)
            else:
                self._add(self._open.setdefault(at, np.zeros_like(self._sums)), some)
            while len(self._open) > _OPEN:
                self._close(members)
        totals = self._sums.copy()
        for at in sorted(self._open):
            totals += self._open[at]
            self._values[at] = self._look(totals, members)
        return late

    def sums(self) -> Floats:
        """Sessions, lines and the metrics' columns of each user until now; shape (2 + k, n)."""
        total: Floats = sum(self._open.values(), start=self._sums)
        return total[: len(self._columns)]

    def looks(
        self, treatment: str, metric: str, comparisons: int, alpha: float = ALPHA
    ) -> list[LiveLook]:
        """As `sequential.looks`, which says what the intervals are; the last is of now."""
        found: list[LiveLook] = []
        first_error: float | None = None
        for period in sorted(self._values):
            values = self._values[period][metric]
            arms = [values.get(name) for name in (CONTROL, treatment)]
            if arms[0] is None or arms[1] is None:
                continue
            users = arms[0].users, arms[1].users
            control, treated = arms[0].moments, arms[1].moments
            if min(users) < FEWEST:
                continue
            error = standard_error(control, treated)
            effect = relative_change(control.mean, treated.mean)
            if not error > 0 or effect is None:
                continue
            first_error = first_error or error
            times = width(error, first_error, alpha / comparisons)
            interval = relative_interval(control, treated, times)
            if interval is not None:
                found.append(LiveLook(period, effect, *interval, users))
        return found

    def now(self, metric: str) -> Mapping[str, Value]:
        """Of each treatment at the last look."""
        return self._values[max(self._values)][metric] if self._values else {}

    def _close(self, members: Mapping[str, Ints]) -> None:
        """The oldest open period is over."""
        oldest = min(self._open)
        self._sums += self._open.pop(oldest)
        self._values[oldest] = self._look(self._sums, members)
        self._over = oldest

    def _lengthen(self, times: int) -> None:
        """Go over to longer periods: the last look in each is its look."""
        longest: dict[int, int] = {}
        for period in sorted(self._values):
            longest[period // times] = period
        self._values = {new: self._values[old] for new, old in longest.items()}
        open_now: dict[int, Floats] = {}
        for period, sums in self._open.items():
            at = period // times
            open_now[at] = open_now[at] + sums if at in open_now else sums
        self._open = open_now
        if self._over is not None:
            self._over = (self._over + 1) // times - 1

    def _add(self, sums: Floats, rows: pd.DataFrame) -> None:
        numbers = rows["user_id"].to_numpy()
        values = [rows[name].to_numpy(np.float64, na_value=np.nan) for name in self._columns]
        valued = [values[self._columns.index(name)] for name in self._valued]
        for row, some in enumerate(values):  # what a period has no value of adds nothing
            np.add.at(sums[row], numbers, np.nan_to_num(some))
        for row, some in enumerate(valued, len(values)):
            np.add.at(sums[row], numbers, ~np.isnan(some))

    def _look(self, totals: Floats, members: Mapping[str, Ints]) -> dict[str, dict[str, Value]]:
        """Values by metric and treatment, for treatments with any.

        Raises InputError if a denominator is negative.
        """
        found = {}
        for metric in self._metrics:
            above = totals[self._columns.index(metric.above)]
            if metric.below is None:
                at = self._valued.index(metric.above) + len(self._columns)
                below = (totals[at] > 0).astype(np.float64)
            else:
                below = totals[self._columns.index(metric.below)]
            if metric.kind == "ratio" and (below < 0).any():
                raise InputError(
                    f"metric {metric.name}: its denominator is {below.min():g} for a user, and "
                    "users count by it: it cannot be below 0"
                )
            samples = {
                name: Sample(*metric.combined(above[mine], below[mine]))
                for name, mine in members.items()
            }
            found[metric.name] = {
                name: Value(some.n, some.moments) for name, some in samples.items() if some.n
            }
        return found


def _wide(sums: Floats, users: int) -> Floats:
    """With a column for each user."""
    rows, known = sums.shape
    return np.hstack([sums, np.zeros((rows, users - known))]) if users > known else sums


def _members(users: Users) -> dict[str, Ints]:
    """Numbers of the users of each treatment."""
    return {
        name: np.flatnonzero(users.treatment == index)
        for index, name in enumerate(users.treatments)
    }


def period_end(period: int, name: str) -> int:
    """When a period ends; ms since the epoch."""
    return (period + 1) * PERIODS[name]
