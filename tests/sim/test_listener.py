"""The share of a track that a listener plays."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sim.listener import affinity, listening_time, round2

exactly = settings(derandomize=True, deadline=None, max_examples=500)
shares = st.floats(0.0, 1.0)
halves = st.integers(0, 99).map(lambda k: (k + 0.5) / 100)
next_to_halves = st.tuples(halves, st.sampled_from([0.0, 1.0])).map(
    lambda pair: float(np.nextafter(*pair))
)


@exactly
@given(shares | halves | next_to_halves)
@example(0.015)
@example(0.125)
@example(0.375)
@example(0.995)
def test_two_decimals_are_those_of_python(value: float) -> None:
    assert round2(value) == round(value, 2)


def test_every_half_of_a_hundredth_and_its_neighbours_round_as_in_python() -> None:
    for k in range(100):
        below = above = (k + 0.5) / 100
        for _ in range(200):
            assert round2(below) == round(below, 2)
            assert round2(above) == round(above, 2)
            below, above = float(np.nextafter(below, 0.0)), float(np.nextafter(above, 1.0))


anything = st.floats(-1e30, 1e30)


@exactly
@given(anything, anything, anything, shares, st.integers(0, 1_000))
def test_a_time_is_a_share_with_two_decimals(
    affinity: float, bias: float, sharpness: float, gamma: float, plays: int
) -> None:
    time = listening_time(affinity, bias, sharpness, gamma, plays)
    assert 0.0 <= time <= 1.0
    assert time == round(time, 2)


@exactly
@given(
    st.floats(-30.0, 30.0),
    st.floats(0.0, 10.0),
    st.floats(0.5, 2.0),
    shares,
    st.integers(0, 300),
)
def test_a_time_is_the_formula_worked_out_by_python(
    affinity: float, bias: float, sharpness: float, gamma: float, plays: int
) -> None:
    sigmoid = 1 / (1 + math.exp(-(affinity - bias) * sharpness))
    assert listening_time(affinity, bias, sharpness, gamma, plays) == round(
        sigmoid * gamma**plays, 2
    )


@pytest.mark.parametrize(
    ("arguments", "time"),
    [
        ((5.0, 5.0, 1.0, 1.0, 0), 0.5),  # sigmoid(0)
        ((6.0, 5.0, 1.0, 1.0, 0), 0.73),  # sigmoid(1) = 0.731
        ((5.5, 5.0, 2.0, 0.5, 0), 0.73),
        ((6.0, 5.0, 1.0, 0.5, 1), 0.37),
        ((6.0, 5.0, 1.0, 0.5, 2), 0.18),
        ((6.0, 5.0, 1.0, 0.0, 0), 0.73),
        ((6.0, 5.0, 1.0, 0.0, 1), 0.0),
    ],
)
def test_known_times(arguments: tuple[float, float, float, float, int], time: float) -> None:
    assert listening_time(*arguments) == time


@pytest.mark.parametrize("d", [1, 2, 3, 4, 5, 7, 8, 64, 65])
def test_affinity_is_the_inner_product_of_two_rows(d: int) -> None:
    rows = np.random.default_rng(d).normal(size=(2, d)).astype(np.float32)
    exact = math.fsum(float(a) * float(b) for a, b in zip(*rows, strict=True))
    assert affinity(rows, 0, 1) == pytest.approx(exact, abs=1e-12)
    assert affinity(rows, 0, 1) == affinity(rows, 1, 0)
