"""Ratios of sums over users, and the user that has most of one."""

import numpy as np
import pytest
import statsmodels.api as sm

from offline.errors import InputError
from offline.experiment.stats.capping import cap, check_percentile
from offline.experiment.stats.comparison import HEAVY, compare_samples
from offline.experiment.stats.leverage import heaviest
from offline.experiment.stats.sample import Sample, skewness

RNG = np.random.default_rng


def one_bot(seed: int, n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Tracks and sessions of users, the first of which has 5,000 sessions."""
    rng = RNG(seed)
    sessions = rng.poisson(4, n) + 1.0
    sessions[0] = 5000
    return rng.poisson(rng.gamma(4, 1.5, n) * sessions) * 1.0, sessions


def test_a_ratio_has_the_hc3_variance_of_statsmodels() -> None:
    above, below = one_bot(1)
    moments = Sample(above, below).moments
    fitted = sm.WLS(above / below, np.ones(200), weights=below).fit(cov_type="HC3")
    assert moments.mean == pytest.approx(fitted.params[0])
    assert moments.variance_of_mean == pytest.approx(fitted.bse[0] ** 2)


def test_that_is_what_leaving_out_each_user_changes() -> None:
    above, below = one_bot(2)
    without = (above.sum() - above) / (below.sum() - below)
    jackknife = ((above.sum() / below.sum() - without) ** 2).sum()
    assert Sample(above, below).moments.variance_of_mean == pytest.approx(jackknife)


def test_a_ratio_has_the_freedom_of_its_effective_users() -> None:
    """Shares of 1/2, 1/4 and 1/4 weigh as 1 / (1/4 + 1/16 + 1/16) = 8/3 equal users."""
    moments = Sample(np.array([1.0, 3, 2]), np.array([4.0, 2, 2])).moments
    assert moments.effective == pytest.approx(8 / 3)
    assert moments.degrees == pytest.approx(5 / 3)
    assert Sample.of(np.array([1.0, 2, 3])).moments.degrees == 2


def test_a_mean_over_users_knows_no_leverage() -> None:
    sample = Sample.of(np.array([2.0, np.nan, 4, 9]))
    assert (sample.n, sample.is_mean) == (3, True)
    assert sample.inflation.tolist() == [1, 1, 1, 1]
    assert sample.moments.variance_of_mean == pytest.approx(np.var([2, 4, 9], ddof=1) / 3)


@pytest.mark.parametrize(
    ("above", "below", "n", "mean"),
    [([0, 0], [0, 0], 0, np.nan), ([6, 0], [2, 0], 1, 3.0), ([6, 3, 0], [2, 1, 0], 2, 3.0)],
)
def test_ratios_without_spread(
    above: list[float], below: list[float], n: int, mean: float
) -> None:
    moments = Sample(np.array(above, float), np.array(below, float)).moments
    assert moments.n == n
    assert moments.mean == pytest.approx(mean, nan_ok=True)
    assert moments.variance_of_mean == (0 if n == 2 else pytest.approx(np.nan, nan_ok=True))


def test_a_bot_makes_no_effect() -> None:
    """Of 100 A/A tests the delta method calls most significant, HC3 next to none."""
    called = 0
    for seed in range(100):
        above, below = one_bot(seed, 400)
        control, treated = Sample(above[:200], below[:200]), Sample(above[200:], below[200:])
        row = compare_samples("T1", "x", control, treated)
        assert control.leverage.max() > HEAVY
        assert row.method == "Welch"
        called += row.p is not None and row.p < 0.05
    assert called <= 5


def test_a_metric_with_a_bot_is_not_adjusted_by_its_past() -> None:
    above, below = one_bot(3, 400)
    past = RNG(4).normal(size=400)
    sides = [
        Sample(above[some], below[some], past[some]) for some in np.arange(400).reshape(2, -1)
    ]
    row = compare_samples("T1", "x", sides[0], sides[1], cuped=True)
    assert row.adjusted is None
    assert row.method == "Welch"
    assert row.note.startswith("no CUPED: one user has 8")


def test_skewness_is_that_of_both_arms_about_their_own_means() -> None:
    one, other = np.array([0.0, 0, 3]), np.array([10.0, 10, 13])
    assert skewness(Sample.of(one), Sample.of(other)) == pytest.approx(2**-0.5)
    assert skewness(Sample.of(np.ones(3)), Sample.of(np.ones(2))) == 0


def test_a_cap_is_one_threshold_over_all_arms() -> None:
    low, high = np.arange(100.0), np.arange(100.0) + 1000
    found, sides = cap("x", [Sample.of(low), Sample.of(high)], 75)
    assert found.above == np.percentile(np.concatenate([low, high]), 75)
    assert found.below is None
    assert (found.users, found.refused) == (50, False)
    assert sides[0].above.tolist() == low.tolist()
    assert sides[1].above.max() == found.above
    assert sides[1].below.tolist() == [1] * 100


def test_a_cap_cuts_both_sums_of_a_ratio() -> None:
    above, below = one_bot(5)
    found, [side] = cap("x", [Sample(above, below)], 99)
    assert found.above == np.percentile(above, 99)
    assert found.below == np.percentile(below, 99)
    assert side.leverage.max() < 0.1
    assert found.users == int(((above > found.above) | (below > found.below)).sum())


def test_a_cap_leaves_users_without_a_value_out_of_account() -> None:
    values = np.concatenate([np.full(900, np.nan), np.arange(100.0)])
    found, _ = cap("x", [Sample.of(values)], 90)
    assert found.above == np.percentile(np.arange(100.0), 90)


def test_a_cap_at_the_smallest_value_cuts_nothing_and_says_so() -> None:
    values = np.zeros(1000)
    values[:5] = 7
    found, [side] = cap("x", [Sample.of(values)], 99)
    assert found.refused
    assert side.above.max() == 7
    constant, _ = cap("x", [Sample.of(np.full(9, 2.0))], 99)
    assert (constant.refused, constant.users) == (False, 0)


@pytest.mark.parametrize("percentile", [0, 50, 100, 999, float("nan")])
def test_what_is_no_percentile_to_cap_at_is_refused(percentile: float) -> None:
    with pytest.raises(InputError, match=r"--cap .*: it must be a percentile above 50"):
        check_percentile(percentile)


def test_the_heaviest_users_are_named() -> None:
    ids = ["a", "b", "c", "d"]
    ratio = Sample(np.array([1.0, 50, 4, 0]), np.array([1.0, 5, 2, 0]))
    [first, second] = heaviest("T1", "x", ratio, ids, shown=2)
    assert (first.user_id, first.share, first.users) == ("b", 5 / 8, 3)
    assert (first.value, first.without) == (55 / 8, 5 / 3)
    assert second.user_id == "c"
    mean = heaviest("C", "x", Sample.of(np.array([-6.0, 1, 1, np.nan])), ids)
    assert (mean[0].user_id, mean[0].share, mean[0].without) == ("a", 6 / 8, 1)
    assert len(mean) == 3
    assert heaviest("C", "x", Sample.of(np.full(4, np.nan)), ids) == []


def test_a_user_is_notable_far_above_the_average_alone() -> None:
    few, many = np.ones(10), np.ones(1000)
    few[0], many[0] = 9, 100
    found = [heaviest("C", "x", Sample.of(some), list(map(str, some)))[0] for some in (few, many)]
    assert [some.notable for some in found] == [False, True]
