"""The permutation test against scipy's, its interval against its own test, and odd data."""

import math

import numpy as np
import pytest
from scipy import stats

from offline.experiment.stats.comparison import compare_samples
from offline.experiment.stats.effects import Moments, relative_interval
from offline.experiment.stats.permutation import FEWEST, is_small, permute
from offline.experiment.stats.sample import Sample

RNG = np.random.default_rng


def welch_t(one: np.ndarray, other: np.ndarray, axis: int) -> np.ndarray:
    found: np.ndarray = stats.ttest_ind(one, other, equal_var=False, axis=axis).statistic
    return found


@pytest.mark.parametrize(("n", "m"), [(12, 7), (7, 12), (40, 6)])
def test_means_are_tested_as_by_scipy(n: int, m: int) -> None:
    rng = RNG(n)
    control, treated = rng.lognormal(0, 1, n), rng.lognormal(0.6, 1, m)
    expected = 2 * min(
        stats.permutation_test(
            (treated, control),
            welch_t,
            vectorized=True,
            n_resamples=8_000,
            alternative=side,
            rng=1,
        ).pvalue
        for side in ("less", "greater")
    )
    found = permute(Sample.of(control), Sample.of(treated), seed=1, draws=8_000)
    assert found.p == pytest.approx(expected, abs=0.02)


def test_ratios_are_tested_as_by_hand() -> None:
    """Every draw by itself: users dealt out, ratio and delta-method variance of each arm."""
    rng = RNG(3)
    below = rng.poisson(3, 40) + 1.0
    above = rng.poisson(2 * below) * np.where(np.arange(40) < 30, 1.0, 1.5)

    def t(mine: np.ndarray) -> float:
        sides = []
        for some in (mine, ~mine):
            a, b = above[some], below[some]
            left = a - a.sum() / b.sum() * b
            n = len(a)
            sides.append((a.sum() / b.sum(), (left**2).sum() / b.sum() ** 2 * n / (n - 1)))
        return float((sides[0][0] - sides[1][0]) / math.sqrt(sides[0][1] + sides[1][1]))

    mine = np.arange(40) >= 30
    seen = t(mine)
    assert seen > 0
    drawn = np.array([t(rng.permutation(mine)) for _ in range(4000)])
    expected = 2 * (1 + (drawn >= seen).sum()) / 4001
    found = permute(Sample(above[:30], below[:30]), Sample(above[30:], below[30:]), 0, 20_000)
    assert found.p == pytest.approx(expected, abs=0.02)


def test_the_interval_is_the_inversion_of_the_test() -> None:
    """At both ends the control multiplied by that ratio is just about rejected."""
    rng = RNG(4)
    control, treated = rng.gamma(2, 1, 20), rng.gamma(2, 1.4, 9)
    found = permute(Sample.of(control), Sample.of(treated), 5)
    assert found.relative is not None
    for end, step in zip(found.relative, (-0.01, 0.01), strict=True):
        for moved, rejected in ((step, True), (-step, False)):
            scaled = Sample.of(control * (1 + end / 100 + moved))
            assert (permute(scaled, Sample.of(treated), 5).p < 0.05) == rejected


@pytest.mark.parametrize("negative", [False, True])
def test_the_interval_excludes_zero_exactly_where_the_test_rejects(negative: bool) -> None:
    rng = RNG(6)
    seen = set()
    for seed in range(40):
        sides = [rng.lognormal(0, 0.7, n) * scale for n, scale in ((22, 1), (8, 1.7))]
        control, treated = (Sample.of(-side if negative else side) for side in sides)
        found = permute(control, treated, seed, draws=498)
        assert found.relative is not None
        assert (found.p < 0.05) == (not found.relative[0] <= 0 <= found.relative[1])
        seen.add(found.p < 0.05)
    assert seen == {True, False}


def test_in_large_arms_it_is_fiellers_interval() -> None:
    rng = RNG(7)
    sides = [rng.gamma(2, 1, 400), rng.gamma(2, 1.1, 300)]
    found = permute(Sample.of(sides[0]), Sample.of(sides[1]), 0)
    expected = relative_interval(*(Moments.of(side) for side in sides))
    assert found.relative == pytest.approx(expected, abs=1.5)


def test_arms_that_do_not_differ_are_called_different_in_five_of_a_hundred() -> None:
    rng = RNG(8)
    wrong = 0
    for seed in range(250):
        values = rng.lognormal(0, 1.2, 28)
        wrong += permute(Sample.of(values[:25]), Sample.of(values[25:]), seed, 198, False).p < 0.05
    assert stats.binom.sf(wrong - 1, 250, 0.05) > 0.001


def test_the_same_seed_deals_alike() -> None:
    rng = RNG(9)
    sides = [Sample.of(rng.gamma(2, 1, n)) for n in (30, 10)]
    assert permute(*sides, 3) == permute(*sides, 3)
    assert permute(*sides, 3) != permute(*sides, 4)


def test_users_that_were_dealt_before_are_dealt_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = RNG(10)
    pairs = [[Sample.of(rng.gamma(2, 1, n)) for n in sizes] for sizes in [(30, 10), (10, 30)] * 2]
    kept = [permute(*sides, 3) for sides in pairs]
    monkeypatch.setattr("offline.experiment.stats.permutation._KEPT", 0)
    assert [permute(*sides, 3) for sides in pairs] == kept


@pytest.mark.parametrize(
    ("control", "treated", "p", "relative"),
    [
        (np.full(6, 3.0), np.full(6, 3.0), 1.0, (0.0, 0.0)),
        (np.full(20, 3.0), np.full(6, 4.5), 0.001, (50.0, 50.0)),
        (np.zeros(9), np.zeros(7), 1.0, None),
        (np.zeros(60), np.array([0.0, 0, 0, 0, 1]), 0.1538, None),
    ],
)
def test_values_without_spread(
    control: np.ndarray, treated: np.ndarray, p: float, relative: tuple[float, float] | None
) -> None:
    found = permute(Sample.of(control), Sample.of(treated), 0)
    assert found.p == pytest.approx(p, abs=0.02)
    if relative is None:
        assert found.relative is None
    else:
        assert found.relative == pytest.approx(relative, abs=1e-3)


def test_a_control_that_could_be_zero_has_no_interval() -> None:
    rng = RNG(10)
    assert (
        permute(Sample.of(rng.normal(0.1, 1, 20)), Sample.of(rng.normal(5, 1, 20)), 0).relative
        is None
    )


def test_ten_users_against_a_million() -> None:
    rng = RNG(11)
    many, ten = rng.lognormal(0, 1, 1_000_000), rng.lognormal(1.5, 1, 10)
    row = compare_samples("T1", "x", Sample.of(many), Sample.of(ten))
    assert row.method == "permutation"
    assert row.users == (1_000_000, 10)
    assert row.p is not None
    assert row.p < 0.05


def test_which_arms_are_small() -> None:
    """A skewness of 2 takes 355 × 4 = 1,420 users beside many; equal arms cancel theirs."""
    values = np.tile(stats.gamma.ppf((np.arange(4000) + 0.5) / 4000, 1), 10)

    def sample(n: int) -> Sample:
        return Sample.of(RNG(n).permutation(values)[:n])

    many = sample(40_000)
    assert is_small(many, sample(1000))
    assert not is_small(many, sample(3000))
    assert not is_small(sample(300), sample(300))
    assert is_small(sample(49), sample(49))
    assert not is_small(sample(FEWEST - 1), many)


def test_below_the_floor_there_is_no_test() -> None:
    row = compare_samples("T1", "x", Sample.of(np.full(4, 1.0)), Sample.of(np.full(30, 2.0)))
    assert (row.method, row.p, row.relative) == ("none", None, None)
    assert row.note == "fewer than 5 users of an arm have a value: no test"
