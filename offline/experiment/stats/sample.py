"""One metric over the users of one arm: the input of all statistics."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from offline.experiment.metrics import Floats, contributions
from offline.experiment.stats.effects import NO_SPREAD, Moments


@dataclass(frozen=True, eq=False)
class Sample:
    """One metric over the users of an arm: numerators and denominators, both of shape (n,).

    Both are 0 for a user without a value. The value of the arm is sum(above) / sum(below): where
    `below` is only ever 0 or 1 a plain mean over users, else a ratio of sums.

    Examples
    --------
    >>> import numpy as np
    >>> from offline.experiment import Sample
    >>> sample = Sample.of(np.array([1.0, 2.0, np.nan]))
    >>> sample.n, sample.moments.mean
    (2, 1.5)
    """

    above: Floats
    below: Floats
    before: Floats | None = None
    """The user's contribution in the period before, shape (n,); NaN for a user unknown then."""

    @classmethod
    def of(cls, values: Floats) -> "Sample":
        """Of one value per user; NaN for a user without one."""
        known = ~np.isnan(values)
        return cls(np.where(known, values, 0.0), known.astype(np.float64))

    @cached_property
    def n(self) -> int:
        """Users with a value."""
        return int(np.count_nonzero(self.below))

    @cached_property
    def is_mean(self) -> bool:
        """Whether it is a plain mean over users."""
        return bool(((self.below == 0) | (self.below == 1)).all())

    @cached_property
    def contributions(self) -> Floats:
        """See `metrics.contributions`; shape (n,)."""
        return contributions(self.above, self.below)

    @cached_property
    def leverage(self) -> Floats:
        """Each user's share of the denominators, shape (n,).

        The ratio is the weighted mean of above / below with `below` as weights; these are the
        diagonal of that regression's hat matrix.
        """
        total = self.below.sum()
        return self.below / total if total else np.zeros(len(self.below))

    @cached_property
    def effective(self) -> float:
        """1 / sum(leverage²): as many users with equal denominators weigh as much (Kish 1965).

        The variance of a ratio rests on no more of them.
        """
        return float(self.n) if self.is_mean else float(1 / (self.leverage**2).sum())

    @cached_property
    def inflation(self) -> Floats:
        """1 / (1 − leverage) for a ratio, 1 for a mean; shape (n,).

        A user with most of the denominators draws the ratio close, so that the residual looks too
        small by as much. Infinite for a user with all of them.
        """
        if self.is_mean:
            return np.ones(len(self.below))
        with np.errstate(divide="ignore"):
            found: Floats = 1 / (1 - self.leverage)
        return found

    @cached_property
    def moments(self) -> Moments:
        """Of the arm's value; for a ratio with the HC3 variance.

        J. MacKinnon, H. White, J. Econometrics 29, 1985: residuals above − R below, each divided
        by 1 − leverage. That is the jackknife over users but for a factor (n − 1) / n.
        """
        if self.is_mean:
            return Moments.of(self.above[self.below == 1])
        total = self.below.sum()
        ratio = float(self.above.sum() / total)
        if self.n < 2:
            return Moments(self.n, ratio, np.nan)
        residuals = self.above - ratio * self.below
        if np.abs(residuals).max() <= NO_SPREAD * abs(ratio) * self.below.max():
            return Moments(self.n, ratio, 0.0)
        pulled = residuals * self.inflation / total
        return Moments(self.n, ratio, float(pulled @ pulled), self.effective)

    def capped(self, above: float, below: float) -> "Sample":
        """With no numerator above the one and no denominator above the other."""
        return replace(
            self, above=np.minimum(self.above, above), below=np.minimum(self.below, below)
        )


def skewness(control: Sample, treated: Sample) -> float:
    """Of the users' values about their arm's own, both arms together; 0 without spread."""
    parts = []
    for arm in (control, treated):
        values = arm.contributions[arm.below != 0]
        parts.append(values - values.mean() if len(values) else values)
    values = np.concatenate(parts)
    spread = float(np.mean(values**2)) if len(values) else 0.0
    return float(np.mean(values**3) / spread**1.5) if spread > 0 else 0.0
