"""When Redis is used, with a clock moved by hand."""

from collections.abc import Callable

import pytest

from botify.store.circuit_breaker import CircuitBreaker

from ..logs import Clock


@pytest.fixture
def looks(clock: Clock) -> tuple[CircuitBreaker, Callable[[], int]]:
    """A breaker, and how many good looks, a tenth of a second apart, it takes to bring it up."""
    breaker = CircuitBreaker(1.0, clock)

    def count() -> int:
        for number in range(1, 1000):
            clock.now += 0.1
            breaker.probe_succeeded()
            if breaker.up:
                return number
        raise AssertionError("it never came up")

    return breaker, count


Looks = tuple[CircuitBreaker, Callable[[], int]]


def test_it_is_up_until_redis_is_lost_and_says_why(clock: Clock) -> None:
    breaker = CircuitBreaker(1.0, clock)
    assert breaker.up
    breaker.trip("refused")
    assert (breaker.up, breaker.reason) == (False, "refused")
    assert breaker.wake.is_set()


def test_one_good_look_is_not_enough_and_they_must_come_in_a_row(looks: Looks) -> None:
    breaker, _ = looks
    breaker.trip("refused")
    breaker.probe_succeeded()
    breaker.trip("refused again")
    breaker.probe_succeeded()
    assert (breaker.up, breaker.reason) == (False, "refused again")
    breaker.probe_succeeded()
    assert (breaker.up, breaker.reason) == (True, "")


def test_the_more_often_it_is_lost_the_longer_it_must_be_well(looks: Looks) -> None:
    breaker, until_up = looks
    needed = []
    for _ in range(8):
        breaker.trip("slow")
        needed.append(until_up())
    assert needed == [2, 4, 8, 16, 32, 64, 64, 64]


def test_a_loss_after_a_minute_of_use_begins_anew(looks: Looks, clock: Clock) -> None:
    breaker, until_up = looks
    for _ in range(4):
        breaker.trip("slow")
        until_up()
    clock.now += 61
    breaker.trip("slow")
    assert until_up() == 2


def test_a_late_answer_loses_redis_only_where_nobody_was_answered_lately(clock: Clock) -> None:
    breaker = CircuitBreaker(1.0, clock)
    breaker.answered_at = clock.now
    clock.now += 0.4
    breaker.report_timeout("timed out")
    assert breaker.up
    assert breaker.wake.is_set()  # it is looked at
    clock.now += 0.2
    breaker.report_timeout("timed out")
    assert (breaker.up, breaker.reason) == (False, "timed out")


def test_a_redis_that_is_slow_for_a_second_every_few_seconds_does_not_flip_it_for_long(
    looks: Looks, clock: Clock
) -> None:
    breaker, until_up = looks
    flips = 0
    began = clock.now
    while clock.now - began < 600:
        clock.now += 0.5
        breaker.report_timeout("timed out")
        flips += 1
        until_up()
    # With one good look each it would have been a thousand.
    assert flips < 100
