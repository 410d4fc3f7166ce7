"""A metric, and the set of metrics of an experiment.

Which there are is data: metrics.yml beside this module has the built-in ones, and a file of a
person's own adds to them or changes them (`metric_files.py`). Each is made of one or two sums per
user, told in SQL (`metric_sql.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from offline.errors import InputError
from offline.experiment.rule import Rule

Floats = npt.NDArray[np.float64]
Kind = Literal["mean", "ratio", "coverage", "slowest"]
Role = Literal["primary", "guardrail", "secondary"]
Source = Literal["events", "sessions"]

CORE_METRICS = ("sessions", "mean_session_length", "mean_session_time", "mean_request_time")
"""The four of the effect table, which can be computed from every log."""
COMPUTED: tuple[Kind, ...] = ("coverage", "slowest")
"""Kinds that are not made of sums over users: see `rows.py`."""


@dataclass(frozen=True)
class Metric:
    """How a metric is computed, and how it is shown.

    A `mean` is the mean over users of numerator / denominator (of the numerator where there is no
    denominator); a `ratio` is the sum of the numerators over the sum of the denominators.
    """

    name: str
    title: str
    meaning: str = ""
    numerator: str = ""
    """SQL: an aggregate over a user's rows of `source`."""
    denominator: str | None = None
    """The same."""
    kind: Kind = "mean"
    source: Source = "events"
    scale: float = 1.0
    """Factor by which a value is multiplied to be shown in `unit`."""
    unit: str = ""
    """As it is written after a number: " ms"."""
    decimals: int | None = 2
    """Of a shown value; None: as many as matter."""
    more_is_better: bool = True
    role: Role = "secondary"
    margin: float | None = None
    """Of a guardrail: how much worse it may get, in percent of the control mean."""
    needs: tuple[str, ...] = ()
    """Inputs that a log must have: "catalog", "recommender", "recommendation", "price"."""
    before: str | None = None
    """Column of `Aggregates.users` with the user's value before the experiment, for CUPED."""

    @property
    def above(self) -> str:
        """The column of `Aggregates.users` that has the numerator."""
        return f"{self.source}: {self.numerator}"

    @property
    def below(self) -> str | None:
        """The column that has the denominator."""
        return None if self.denominator is None else f"{self.source}: {self.denominator}"

    def sums(self, users: pd.DataFrame) -> tuple[Floats, Floats]:
        """Numerator and denominator of each row, shape (n,); both 0 where it has no value.

        Of a mean the denominator is 1, and the numerator is the user's own value.
        """
        above = users[self.above].to_numpy(np.float64, na_value=np.nan)
        if self.below is None:
            below = np.ones(len(users))
        else:
            below = users[self.below].to_numpy(np.float64, na_value=np.nan)
        return self.combined(above, below)

    def combined(self, above: Floats, below: Floats) -> tuple[Floats, Floats]:
        """The same of two sums per user; NaN or a denominator of 0 is no value."""
        missing = np.isnan(above) | np.isnan(below) | (below == 0)
        if self.kind == "mean":
            above = np.divide(above, below, out=np.zeros(len(above)), where=~missing)
            below = np.ones(len(above))
        return np.where(missing, 0.0, above), np.where(missing, 0.0, below)

    def shown(self, value: float | None) -> str:
        """A value with its unit; a dash for none."""
        if value is None:
            return "–"
        scaled = value * self.scale
        decimals = self.decimals
        if decimals is None:
            size = abs(scaled)
            decimals = 2 if size >= 0.1 or not size else min(9, 2 - int(np.floor(np.log10(size))))
        return f"{scaled:,.{decimals}f}{self.unit}"

    @property
    def called(self) -> str:
        """Its title within a sentence: "session time", but "ARPU"."""
        first, rest = self.title[:1], self.title[1:]
        return first.lower() + rest if rest[:1].islower() or not rest else self.title


def contributions(above: Floats, below: Floats) -> Floats:
    """Values whose mean is the ratio of sums, and whose variance / n is the ratio's variance.

    The delta method as a linearisation: R + (a_i - R b_i) / mean(b), with R = sum(a) / sum(b)
    (A. Deng, U. Knoblich, J. Lu, "Applying the Delta Method in Metric Analytics", KDD 2018).
    Users with `below` 0 are left out where `below` is 0 or 1, which is a plain mean. Shape (n,),
    NaN for excluded users.
    """
    if not below.sum():
        return np.full(len(above), np.nan)
    if ((below == 0) | (below == 1)).all():
        return np.where(below == 1, above, np.nan)
    ratio = above.sum() / below.sum()
    linear: Floats = ratio + (above - ratio * below) / below.mean()
    return linear


@dataclass(frozen=True)
class Metrics:
    """The metrics of an experiment, in the order in which they are shown."""

    by_name: Mapping[str, Metric]
    named: tuple[str, ...] = ()
    """Primary ones in the order in which a person named them; (): in the order of the set."""
    rule: Rule = field(default_factory=Rule)
    """The decision rule, unless an option sets another."""

    def __getitem__(self, name: str) -> Metric:
        return self.by_name[name]

    def __contains__(self, name: str) -> bool:
        return name in self.by_name

    @property
    def of_users(self) -> tuple[Metric, ...]:
        """Those that are made of sums over users."""
        return tuple(some for some in self.by_name.values() if some.kind not in COMPUTED)

    def computed(self, kind: Kind) -> Metric | None:
        """The one of this kind; None where there is none."""
        return next((some for some in self.by_name.values() if some.kind == kind), None)

    @property
    def primaries(self) -> tuple[Metric, ...]:
        """Those that the verdict is about, at least one."""
        if self.named:
            return tuple(self[name] for name in self.named)
        return tuple(some for some in self.by_name.values() if some.role == "primary")

    @property
    def margins(self) -> dict[str, float]:
        """Of the guardrails."""
        return {
            some.name: some.margin
            for some in self.by_name.values()
            if some.role == "guardrail" and some.margin is not None
        }

    def with_primaries(self, names: Sequence[str], option: str = "--primary") -> "Metrics":
        """The same with these as the primary ones, in this order; for no names as it is.

        Raises InputError for a name that is none, or of a metric without a value per user.
        """
        if not names:
            return self
        for name in names:
            usable = [some.name for some in self.of_users]
            if name not in usable:
                known = ", ".join(usable)
                raise InputError(f"{option} {name}: there is no such metric; there are {known}")
        if len(set(names)) < len(names):
            raise InputError(f"{option}: {', '.join(names)}: each only once")
        found = {}
        for name, some in self.by_name.items():
            rest = replace(some, role="secondary") if some.role == "primary" else some
            found[name] = replace(some, role="primary") if name in names else rest
        return replace(self, by_name=found, named=tuple(names))
