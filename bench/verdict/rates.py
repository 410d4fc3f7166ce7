"""Scenarios of the calibration, and their results as counts and texts."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

Found = dict[str, bool | float | None]
"""Results of one test by name: whether something happened, or an error; None if the test
cannot tell."""
Test = Callable[[np.random.Generator], Found]

FALSE, COVERED, FALSE_STOP, ALWAYS, MISMATCH = 6.0, 94.0, 1.0, 99.0, 0.3
"""Bounds in percent: most false positives, least coverage, most verdicts stopped for nothing,
fewest stopped where they must be, most mismatches of the sample ratio (nominal 0.1)."""
STATED = ", stated"
"""Ends the name of a result that is the predicted chance of the one named before it."""
MANY, FEW = 2000, 500
"""Tests that tell 5 % to within one point; tests that show at least 99 % if all of them agree, and
tell any rate to within 4.4 points, for rows without an upper bound."""
_CHANCE = 0.001
"""A rate is beyond its bound if chance alone would bring it there less often than this."""


@dataclass(frozen=True)
class Scenario:
    """Tests with a known true effect; results without a bound have no guarantee."""

    name: str
    test: Test
    most: Mapping[str, float] = field(default_factory=dict)
    """Upper bounds of the rates, in percent."""
    least: Mapping[str, float] = field(default_factory=dict)
    """Lower bounds."""
    unbiased: Collection[str] = ()
    """Errors whose mean must be 0."""
    tests: int = MANY
    """Number of tests, unless fewer are asked for."""


@dataclass(frozen=True)
class Rate:
    """How often something happened, and its bounds in percent."""

    name: str
    count: int
    of: int
    most: float | None = None
    least: float | None = None

    @property
    def is_broken(self) -> bool:
        """Whether chance alone would hardly bring it so far beyond its bound."""
        most, least = self.most, self.least
        above = most is not None and stats.binom.sf(self.count - 1, self.of, most / 100) < _CHANCE
        below = least is not None and stats.binom.cdf(self.count, self.of, least / 100) < _CHANCE
        return bool(above or below)

    @property
    def is_conservative(self) -> bool:
        """Whether it is less than half of what its bound allows, beyond chance.

        Of a bound of 2 % or less nothing is called that.
        """
        if self.most is None or self.most == self.least or self.most <= 2 or not self.of:
            return False
        return self.interval[1] < self.most / 2

    @property
    def interval(self) -> tuple[float, float]:
        """Of 95 % (Wilson), in percent."""
        low, high = proportion_confint(self.count, self.of, method="wilson")
        return 100 * float(low), 100 * float(high)

    @property
    def bound(self) -> str:
        """In words; "" for none."""
        if self.most is not None and self.most == self.least:
            return f"= {self.most:.1f}"
        most = "" if self.most is None else f"≤ {self.most:g}"
        return most if self.least is None else f"{most} ≥ {self.least:g}".strip()

    @property
    def note(self) -> str:
        """A remark; "" for none."""
        if self.is_broken:
            return "**beyond its bound**"
        return "conservative" if self.is_conservative else ""

    @property
    def text(self) -> str:
        """Percent with its interval; a dash if no test could tell."""
        if not self.of:
            return "–"
        low, high = self.interval
        return f"{100 * self.count / self.of:.1f} ({low:.1f} to {high:.1f})"


@dataclass(frozen=True)
class Bias:
    """Errors, in the unit of what was estimated."""

    name: str
    errors: np.ndarray
    """Shape (n,)."""
    must_be_0: bool = False

    @property
    def of(self) -> int:
        """How many there are."""
        return len(self.errors)

    @property
    def is_broken(self) -> bool:
        """Whether chance alone would hardly bring the mean so far from 0."""
        half = float(stats.norm.ppf(1 - _CHANCE / 2)) * self._spread
        return self.must_be_0 and abs(float(self.errors.mean())) > half

    @property
    def bound(self) -> str:
        """In words; "" for none."""
        return "mean 0" if self.must_be_0 else ""

    @property
    def note(self) -> str:
        """A remark; "" for none."""
        return "**beyond its bound**" if self.is_broken else ""

    @property
    def text(self) -> str:
        """The mean with its 95 % interval, and the root of the mean square."""
        mean, half = float(self.errors.mean()), 1.96 * self._spread
        rmse = float(np.sqrt((self.errors**2).mean()))
        return f"{mean:+.4f} ({mean - half:+.4f} to {mean + half:+.4f}), RMSE {rmse:.4f}"

    @property
    def _spread(self) -> float:
        return float(self.errors.std(ddof=1)) / len(self.errors) ** 0.5 if self.of > 1 else 0.0


def counted(scenario: Scenario, found: Sequence[Found]) -> list[Rate | Bias]:
    """Rates and biases over the tests."""
    results: list[Rate | Bias] = []
    for name in dict.fromkeys(name for some in found for name in some):
        values = _known(found, name)
        if name.endswith(STATED):
            continue
        if any(isinstance(value, float) for value in values):
            results.append(Bias(name, np.array(values, float), name in scenario.unbiased))
            continue
        most, least = scenario.most.get(name), scenario.least.get(name)
        if stated := _known(found, name + STATED):
            most = least = 100 * float(np.mean(stated))
        results.append(Rate(name, int(sum(values)), len(values), most, least))
    return results


def _known(found: Sequence[Found], name: str) -> list[float]:
    return [value for some in found if (value := some.get(name)) is not None]
