"""The share of a track that a listener plays."""

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sim.listener import listening_time, round2

exactly = settings(derandomize=True, deadline=None)
shares = st.floats(0.0, 1.0)
halves = st.integers(0, 99).map(lambda k: (k + 0.5) / 100)
next_to_halves = st.tuples(halves, st.sampled_from([0.0, 1.0])).map(
    lambda pair: float(np.nextafter(*pair))
)


@exactly
@given(st.lists(shares | halves | next_to_halves, min_size=1, max_size=50))
@example([(k + 0.5) / 100 for k in range(100)])
def test_two_decimals_are_those_of_python(values: list[float]) -> None:
    assert round2(np.array(values)).tolist() == [round(value, 2) for value in values]


anything = st.floats(-1e30, 1e30)


@exactly
@given(anything, anything, anything, shares)
def test_a_time_is_a_share_with_two_decimals(
    affinity: float, bias: float, sharpness: float, discount: float
) -> None:
    arrays = (np.array([value]) for value in (affinity, bias, sharpness, discount))
    time = float(listening_time(*arrays, np.array([False]))[0])
    assert 0.0 <= time <= 1.0
    assert time == round(time, 2)


@exactly
@given(anything, anything, st.floats(0.0, 1e3), shares)
def test_a_track_heard_before_is_not_heard_again(
    affinity: float, bias: float, sharpness: float, discount: float
) -> None:
    arrays = (np.array([value]) for value in (affinity, bias, sharpness, discount))
    assert listening_time(*arrays, np.array([True])).tolist() == [0.0]


def test_known_times() -> None:
    """sigmoid(0) = 0.5, sigmoid(1) = 0.731, each halved by a discount of 0.5."""
    times = listening_time(
        np.array([5.0, 6.0, 5.5, 6.0]),
        np.array([5.0, 5.0, 5.0, 5.0]),
        np.array([1.0, 1.0, 2.0, 1.0]),
        np.array([1.0, 1.0, 1.0, 0.5]),
        np.zeros(4, dtype=np.bool_),
    )
    assert times.tolist() == [0.5, 0.73, 0.73, 0.37]
