"""The statistics against hand-worked cases, closed forms, and other people's code."""

import math
from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import special, stats
from statsmodels.stats.power import TTestIndPower, TTestPower

from offline.experiment.metrics import contributions
from offline.experiment.sequential import TIGHTEST, width
from offline.experiment.stats.bootstrap import (
    percentile_interval,
    poisson_weights,
    resampled_ratios,
)
from offline.experiment.stats.cuped import adjust
from offline.experiment.stats.effects import Moments, compare, relative_interval, welch_p
from offline.experiment.stats.power import Plan, detectable, power
from offline.experiment.stats.sample import Sample

RNG = np.random.default_rng


def with_past(y: np.ndarray, x: np.ndarray) -> Sample:
    """A value of each user, and what it was in the period before."""
    return replace(Sample.of(y), before=x)


def test_the_delta_method_by_hand() -> None:
    """Sums 6 / 6; residuals a - R b are 0, 1, -1 and mean(b) is 2: variance (2 / 2) / 4 / 3."""
    moments = Moments.of(contributions(np.array([1.0, 3, 2]), np.array([1.0, 2, 3])))
    assert moments.mean == pytest.approx(1)
    assert moments.variance_of_mean == pytest.approx(1 / 12)


def test_a_ratio_of_users_is_a_plain_mean() -> None:
    found = contributions(np.array([2.0, 0, 4]), np.array([1.0, 0, 1]))
    assert found.tolist() == pytest.approx([2, math.nan, 4], nan_ok=True)
    assert np.isnan(contributions(np.zeros(2), np.zeros(2))).all()


def test_the_delta_method_agrees_with_simulation() -> None:
    rng = RNG(1)
    sessions = rng.poisson(4, (2000, 300)) + 1.0
    long = rng.binomial(sessions.astype(int), rng.beta(2, 5, (2000, 300)))
    moments = [Moments.of(contributions(a, b)) for a, b in zip(long, sessions, strict=True)]
    spread = np.var([some.mean for some in moments])
    assert np.mean([some.variance_of_mean for some in moments]) == pytest.approx(spread, rel=0.1)


def test_welchs_p_value_is_scipys() -> None:
    rng = RNG(2)
    control, treated = rng.normal(5, 1, 40), rng.normal(5.5, 2, 25)
    expected = stats.ttest_ind(treated, control, equal_var=False).pvalue
    assert welch_p(Moments.of(control), Moments.of(treated)) == pytest.approx(expected)


def test_the_relative_interval_excludes_zero_where_the_effect_is_significant() -> None:
    rng = RNG(3)
    seen = set()
    for _ in range(200):
        sides = [Moments.of(rng.gamma(2, 1, 30) * scale) for scale in (1, 1.35)]
        row = compare("T1", "sessions", *sides)
        found = relative_interval(*sides)
        assert found is not None
        assert row.significant == (not found[0] <= 0 <= found[1])
        seen.add(row.significant)
    assert seen == {True, False}


def test_the_relative_interval_solves_its_equation() -> None:
    """Both ends r: |treated - r control| is t standard errors of that difference."""
    control, treated = Moments(50, 2.0, 0.01), Moments(60, 3.0, 0.02)
    found = relative_interval(control, treated, 2.0)
    assert found is not None
    for end in found:
        r = 1 + end / 100
        assert abs(3.0 - r * 2.0) == pytest.approx(2.0 * math.sqrt(0.02 + r**2 * 0.01))


@pytest.mark.parametrize("mean", [0.0, 0.1])
def test_a_control_mean_that_could_be_zero_has_no_relative_interval(mean: float) -> None:
    assert relative_interval(Moments(50, mean, 0.01), Moments(50, 1.0, 0.01)) is None


def test_cuped_is_the_analysis_of_covariance() -> None:
    """With θ from within the arms, the effect is that of least squares on arm and x."""
    rng = RNG(4)
    x = rng.gamma(2, 1, 400)
    side = rng.integers(0, 2, 400)
    y = 1 + 0.3 * side + 0.8 * x + rng.normal(0, 0.5, 400)
    found = adjust(*(with_past(y[side == i], x[side == i]) for i in (0, 1)))
    fitted = sm.OLS(y, sm.add_constant(np.column_stack([side, x]))).fit(cov_type="HC2")
    assert found is not None
    assert found.treated.mean - found.control.mean == pytest.approx(fitted.params[1])
    error = math.sqrt(found.control.variance_of_mean + found.treated.variance_of_mean)
    assert error == pytest.approx(fitted.bse[1], rel=1e-9)
    assert found.reduction == pytest.approx(1 - 0.25 / (0.25 + 0.64 * 2), abs=0.05)
    assert found.known == 1


def test_cuped_knows_what_both_means_share() -> None:
    """Three in ten were not there before; the treatment is a factor, so the slopes differ too."""
    rng = RNG(5)
    means, told = [], []
    for _ in range(2000):
        sides = []
        for n, scale in ((300, 1.0), (500, 2.5)):
            x = rng.gamma(1, 1, n)
            y = scale * (0.5 + x + rng.gamma(1, 0.5, n))
            sides.append(with_past(y, np.where(rng.random(n) < 0.3, np.nan, x)))
        found = adjust(*sides)
        assert found is not None
        means.append((found.control.mean, found.treated.mean))
        told.append(found.joint)
    [[control, shared], [_, treated]] = np.cov(np.transpose(means))
    assert np.mean(told, axis=0) == pytest.approx([control, treated, shared], rel=0.1)


def test_cuped_leaves_users_alone_that_were_not_there_before() -> None:
    rng = RNG(5)
    x = rng.normal(10, 1, (2, 50))
    y = x + rng.normal(0, 0.1, (2, 50))
    x[:, 30:] = np.nan
    found = adjust(with_past(y[0], x[0]), with_past(y[1], x[1]))
    assert found is not None
    assert found.known == pytest.approx(0.6)
    assert 0 < found.reduction < 1


@pytest.mark.parametrize("x", [np.full(50, 3.0), np.full(50, np.nan), np.arange(50.0) % 1])
def test_a_period_before_that_says_nothing_adjusts_nothing(x: np.ndarray) -> None:
    y = RNG(6).normal(size=50)
    assert adjust(with_past(y, x), with_past(y, x)) is None
    assert adjust(Sample.of(y), Sample.of(y)) is None


def test_the_always_valid_interval_has_its_closed_form_where_it_is_tightest() -> None:
    """There ρ / I solves -W(-α² / e) - 1; a neighbouring look is wider in standard errors × s."""
    first = 0.3
    at = [first / math.sqrt(TIGHTEST * factor) for factor in (0.5, 1.0, 2.0)]
    root = -1 - float(np.real(special.lambertw(-(0.05**2) / math.e, -1)))
    assert width(at[1], first, 0.05) == pytest.approx(
        math.sqrt((1 + 1 / root) * math.log((1 + root) / 0.05**2))
    )
    assert all(width(error, first, 0.05) > stats.norm.ppf(0.975) for error in at)


def test_peeking_at_the_always_valid_interval_keeps_its_promise() -> None:
    """2,000 tests without an effect, each looked at 200 times as knowledge grows evenly."""
    rng = RNG(7)
    known = np.arange(1, 201)
    walks = rng.normal(size=(2000, 200)).cumsum(axis=1) / np.sqrt(known)
    limits = np.array([width(1 / math.sqrt(some), 1.0, 0.05) for some in known])
    wrong = (np.abs(walks) > limits).any(axis=1).mean()
    naive = (np.abs(walks) > stats.norm.ppf(0.975)).any(axis=1).mean()
    assert 0.005 < wrong < 0.05
    assert naive > 0.3


def test_power_is_statsmodels() -> None:
    n = 31
    assert detectable(1.0, n - 1) == pytest.approx(
        TTestPower().solve_power(nobs=n, alpha=0.05, power=0.8) * math.sqrt(n), rel=1e-4
    )
    for freedom in (5.0, 100.0, 5000.0):
        assert power(detectable(2.0, freedom), 2.0, freedom) == pytest.approx(0.8, abs=1e-4)


def test_a_plan_goes_both_ways() -> None:
    """5 % of 2.0 with a spread of 1.0: size 0.1, for which the textbook has some 1,570 a side.

    The treated arm varies by 5 % more, which wants some 5 % more users.
    """
    plan, other = Plan(2.0, 1.0), TTestIndPower()
    assert plan.users(5.0) == pytest.approx(1571 * (1 + 1.05**2) / 2, abs=2)
    assert plan.users(-5.0) == pytest.approx(1571 * (1 + 0.95**2) / 2, abs=2)
    for users in (20, 200, 1571, 100_000):
        effect = plan.detectable(users)
        assert plan.power(effect, users) == pytest.approx(0.8, abs=1e-4)
        size = 2 * effect / 100 / math.sqrt((1 + (1 + effect / 100) ** 2) / 2)
        assert other.power(size, users, 0.05) == pytest.approx(0.8, abs=1e-3)
    assert plan.users(10_000.0) == pytest.approx(3.3, abs=0.5)
    assert plan.detectable(2) == math.inf


def test_weights_of_the_bootstrap_are_poisson() -> None:
    weights = poisson_weights(RNG(3), (1000, 2000)).ravel()
    counts = np.bincount(weights.astype(int), minlength=9)
    expected = len(weights) * stats.poisson.pmf(np.arange(9), 1.0)
    assert np.abs(counts - expected).max() < 5 * np.sqrt(expected.max())
    assert weights.mean() == pytest.approx(1.0, abs=0.004)
    assert weights.var() == pytest.approx(1.0, abs=0.006)


def test_the_bootstrap_agrees_with_welch() -> None:
    rng = RNG(8)
    sides = [(rng.gamma(2, 1, 500) * scale, np.ones(500)) for scale in (1, 1.2)]
    again = [resampled_ratios([side], rng, 2000)[:, 0] for side in sides]
    found = percentile_interval(*again)
    expected = relative_interval(*(Moments.of(side[0]) for side in sides))
    assert found == pytest.approx(expected, abs=2)


def test_resamples_without_a_value_make_no_interval() -> None:
    sums = [(np.array([1.0]), np.array([1.0]))]
    again = resampled_ratios(sums, RNG(9), 50)[:, 0]
    assert np.isnan(again).any()
    assert percentile_interval(again, again) is None
    assert percentile_interval(np.empty(0), np.empty(0)) is None
