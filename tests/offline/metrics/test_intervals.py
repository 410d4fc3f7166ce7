"""Intervals over users."""

import math

import numpy as np
import pytest

from offline.metrics.intervals import mean_over_users


def test_by_hand() -> None:
    mean, half_width = mean_over_users(np.array([1.0, 3.0, np.nan]))
    assert mean == 2
    assert half_width == pytest.approx(1.96 * math.sqrt(2) / math.sqrt(2), rel=1e-4)


def test_nineteen_in_twenty_hold_the_truth() -> None:
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(2000):
        mean, half_width = mean_over_users(rng.exponential(size=400))
        held += abs(mean - 1) <= half_width
    assert 0.93 < held / 2000 < 0.965


def test_one_value_says_nothing_of_spread() -> None:
    assert mean_over_users(np.array([0.5])) == (0.5, math.inf)


def test_no_value_has_no_mean() -> None:
    assert all(map(math.isnan, mean_over_users(np.array([np.nan]))))
