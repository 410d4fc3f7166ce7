"""The Bayesian reading against integration, and calibrated over experiments from the prior."""

import numpy as np
import pytest
from scipy import integrate, stats

from offline.errors import InputError
from offline.experiment.stats.bayes import Reading, check_prior, readings
from offline.experiment.stats.comparison import compare_samples
from offline.experiment.stats.sample import Sample

RNG = np.random.default_rng


def read(
    control: np.ndarray, treated: np.ndarray, prior: float = 10.0, more: bool = True
) -> Reading:
    row = compare_samples("T1", "x", Sample.of(control), Sample.of(treated))
    [found] = readings([row], lambda _: more, prior)
    return found


def test_it_is_what_integration_gives() -> None:
    rng = RNG(1)
    control, treated = rng.normal(10, 3, 300), rng.normal(10.3, 4, 200)
    measured = np.log(treated.mean() / control.mean())
    error = np.hypot(
        treated.std(ddof=1) / np.sqrt(200) / treated.mean(),
        control.std(ddof=1) / np.sqrt(300) / control.mean(),
    )

    def joint(x: float) -> float:
        return stats.norm.pdf(x, 0, 0.05) * stats.norm.pdf(measured, x, error)

    total = integrate.quad(joint, -0.6, 0.6)[0]
    found = read(control, treated, prior=5)
    assert found.better == pytest.approx(integrate.quad(joint, 0, 0.6)[0] / total, rel=1e-6)
    mean = integrate.quad(lambda x: np.expm1(x) * joint(x), -0.6, 0.6)[0] / total
    lost = integrate.quad(lambda x: -np.expm1(x) * joint(x), -0.6, 0)[0] / total
    missed = integrate.quad(lambda x: np.expm1(x) * joint(x), 0, 0.6)[0] / total
    assert found.effect == pytest.approx(100 * mean, rel=1e-6)
    assert found.loss_of_shipping == pytest.approx(100 * lost, rel=1e-6)
    assert found.loss_of_keeping == pytest.approx(100 * missed, rel=1e-6)
    ends = np.log1p(found.lower / 100), np.log1p(found.upper / 100)
    assert integrate.quad(joint, *ends)[0] / total == pytest.approx(0.95, rel=1e-6)


def test_where_less_is_better_the_sides_change() -> None:
    rng = RNG(2)
    sides = rng.normal(10, 3, 300), rng.normal(10.3, 4, 200)
    one, other = read(*sides), read(*sides, more=False)
    assert one.better == pytest.approx(1 - other.better)
    assert one.loss_of_shipping == pytest.approx(other.loss_of_keeping)


def experiments(n: int, spread: float, prior: float) -> tuple[np.ndarray, list[Reading]]:
    """True effects with a standard deviation of `spread`, and each experiment's reading."""
    rng = RNG(3)
    truths, found = rng.normal(0, spread, n), []
    for truth in truths:
        control, treated = rng.gamma(2, 1, 400), rng.gamma(2, 1, 400) * (1 + truth / 100)
        found.append(read(control, treated, prior))
    return truths, found


def test_stated_probabilities_and_losses_are_right_where_the_prior_is() -> None:
    truths, found = experiments(3000, 5, 5)
    stated = np.array([some.better for some in found])
    # In ten groups of equal size: how often the treatment is really better.
    for group in np.array_split(np.argsort(stated), 10):
        error = np.sqrt(max(stated[group].mean() * (1 - stated[group].mean()), 0.01) / 300)
        assert abs((truths[group] > 0).mean() - stated[group].mean()) < 3.5 * error
    for losses, real in (
        ([some.loss_of_shipping for some in found], np.maximum(-truths, 0)),
        ([some.loss_of_keeping for some in found], np.maximum(truths, 0)),
    ):
        gap = np.array(losses) - real
        assert abs(gap.mean()) < 3.5 * gap.std() / np.sqrt(len(gap))
    inside = [some.lower <= truth <= some.upper for truth, some in zip(truths, found, strict=True)]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.014)


def test_with_another_prior_they_are_wrong() -> None:
    """So that the test above can fail: effects are a fifth of what the prior takes them for."""
    truths, found = experiments(1000, 1, 5)
    sure = np.array([some.better for some in found]) > 0.85
    assert (truths[sure] > 0).mean() < 0.8


def test_of_a_negative_mean_percentages_are_of_its_size() -> None:
    rng = RNG(4)
    debts = read(rng.normal(-10, 1, 400), rng.normal(-12, 1, 400))
    assert debts.lower < debts.effect < debts.upper < -12
    assert debts.better < 0.001
    assert read(rng.normal(-10, 1, 400), rng.normal(-12, 1, 400), more=False).better > 0.999


def test_without_spread_there_is_no_reading() -> None:
    row = compare_samples("T1", "x", Sample.of(np.ones(9)), Sample.of(np.ones(9)))
    assert readings([row], lambda _: True) == ()
    rng = RNG(5)
    sides = Sample.of(rng.normal(5, 1, 99)), Sample.of(rng.normal(-5, 1, 99))
    assert readings([compare_samples("T1", "x", *sides)], lambda _: True) == ()


@pytest.mark.parametrize("prior", [0, -1, float("nan"), float("inf")])
def test_a_prior_must_have_a_spread(prior: float) -> None:
    with pytest.raises(InputError, match="--prior"):
        check_prior(prior)
