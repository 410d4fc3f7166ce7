"""Equivalence against two one-sided tests done by hand, and how often it errs at the margin."""

import numpy as np
import pytest
from scipy import stats

from offline.errors import InputError
from offline.experiment.stats.comparison import Comparison, compare_samples
from offline.experiment.stats.effects import freedom
from offline.experiment.stats.equivalence import equivalence, equivalences, parse_equivalence
from offline.experiment.stats.levels import interval_at
from offline.experiment.stats.sample import Sample

RNG = np.random.default_rng


def row_of(control: np.ndarray, treated: np.ndarray, **options: object) -> Comparison:
    return compare_samples("T1", "x", Sample.of(control), Sample.of(treated), **options)


def one_sided(row: Comparison, margin: float) -> float:
    """The larger p of: treated is below (1 − margin) × control, and above (1 + margin) of it."""
    assert row.moments is not None
    control, treated = row.moments
    found = []
    for sign in (-1, 1):
        ratio = 1 + sign * margin / 100
        error = np.sqrt(treated.variance_of_mean + ratio**2 * control.variance_of_mean)
        t = (treated.mean - ratio * control.mean) / error
        found.append(stats.t.sf(-sign * t, freedom(control, treated)))
    return max(found)


def test_it_is_two_one_sided_tests() -> None:
    rng = RNG(1)
    seen = set()
    for _ in range(100):
        row = row_of(rng.normal(10, 2, 200), rng.normal(10, 3, 300))
        found = equivalence(row, 5)
        assert (found.status == "shown") == (one_sided(row, 5) < 0.05)
        assert found.confidence == 0.9
        seen.add(found.status)
    assert seen == {"shown", "not shown"}


def test_an_effect_at_the_margin_is_called_equivalent_in_5_of_100() -> None:
    rng = RNG(2)
    shown = [
        equivalence(row_of(rng.normal(10, 2, 400), rng.normal(10.5, 2, 400)), 5).status == "shown"
        for _ in range(2000)
    ]
    assert np.mean(shown) == pytest.approx(0.05, abs=0.015)


def test_far_beyond_the_margin_it_is_refuted() -> None:
    rng = RNG(3)
    assert equivalence(row_of(rng.normal(10, 1, 99), rng.normal(8, 1, 99)), 5).status == "refuted"


def test_small_arms_take_the_interval_of_the_permutation_test() -> None:
    rng = RNG(4)
    row = row_of(rng.normal(10, 1, 10), rng.normal(10, 1, 10))
    found = equivalence(row, 50)
    assert (found.method, found.confidence) == ("permutation", 0.95)
    assert (found.lower, found.upper) == row.relative
    wider, confidence = interval_at(row, 0.99)
    assert confidence == 0.99
    assert wider is not None
    assert row.relative is not None
    assert wider[0] < row.relative[0] < row.relative[1] < wider[1]


def test_looks_make_it_wider_and_a_treatment_without_one_has_none() -> None:
    rng = RNG(5)
    row = row_of(rng.normal(10, 2, 400), rng.normal(10, 2, 400))
    [alone], [always] = equivalences([row], {"x": 4}), equivalences([row], {"x": 4}, {"T1": 3.2})
    assert always.method == "always-valid"
    assert always.lower < alone.lower < alone.upper < always.upper
    [none] = equivalences([row], {"x": 4}, {})
    assert (none.status, none.lower) == ("not shown", None)


def test_constants_and_negative_means() -> None:
    same = equivalence(row_of(np.full(60, 2.0), np.full(60, 2.0)), 1)
    assert (same.status, same.lower, same.upper) == ("not shown", None, None)
    rng = RNG(6)
    debts = equivalence(row_of(rng.normal(-10, 1, 900), rng.normal(-10, 1, 900)), 2)
    assert debts.status == "shown"
    nothing = equivalence(row_of(np.zeros(60), np.zeros(60)), 1)
    assert (nothing.status, nothing.lower) == ("not shown", None)


@pytest.mark.parametrize("text", ["y=1", "x", "x=0", "x=-1", "x=nan", "x=inf", "x=off"])
def test_other_margins_are_refused(text: str) -> None:
    with pytest.raises(InputError, match=f"--equivalence {text}: "):
        parse_equivalence([text], ["x"])
