"""Buckets must be the family's: the same users in the same treatments everywhere."""

import pytest

from botify.experiments import Experiment

# name, user, bucket of 2, bucket of 4; made with an independent MurmurHash3 (x86, 32 bit).
# The hash of STICKY_ARTIST and of CONTEXTUAL is negative, which signed seeds must survive.
CHECK_VALUES = [
    ("DAE_VS_CONTEXTUAL", 0, 0, 0),
    ("DAE_VS_CONTEXTUAL", 1, 0, 0),
    ("DAE_VS_CONTEXTUAL", 2, 0, 0),
    ("DAE_VS_CONTEXTUAL", 3, 0, 0),
    ("DAE_VS_CONTEXTUAL", 7, 1, 3),
    ("DAE_VS_CONTEXTUAL", 42, 0, 2),
    ("DAE_VS_CONTEXTUAL", 9999, 1, 3),
    ("DAE_VS_CONTEXTUAL", 31337, 1, 1),
    ("DAE_VS_CONTEXTUAL", 10**30, 1, 3),
    ("STICKY_ARTIST", 0, 1, 1),
    ("STICKY_ARTIST", 1, 1, 3),
    ("STICKY_ARTIST", 42, 1, 3),
    ("STICKY_ARTIST", 31337, 1, 1),
    ("AA", 0, 1, 3),
    ("AA", 5, 1, 1),
    ("AA", 42, 1, 3),
    ("AA", 9999, 1, 1),
    ("CONTEXTUAL", 1, 1, 1),
    ("CONTEXTUAL", 100, 1, 3),
    ("CONTEXTUAL", 10**30, 1, 3),
]


def experiment(name: str, n: int) -> Experiment:
    names = ["C", *(f"T{i}" for i in range(1, n))]
    return Experiment(name, dict.fromkeys(names, "random"))


@pytest.mark.parametrize(("name", "user", "of_two", "of_four"), CHECK_VALUES)
def test_buckets_are_the_familys(name: str, user: int, of_two: int, of_four: int) -> None:
    assert experiment(name, 2).assign(user) == ("C", "T1")[of_two]
    assert experiment(name, 4).assign(user) == ("C", "T1", "T2", "T3")[of_four]


def test_treatments_get_equal_shares_and_experiments_are_independent() -> None:
    users = range(20_000)
    first, second = experiment("ONE", 2), experiment("TWO", 2)
    pairs = [(first.assign(user), second.assign(user)) for user in users]
    for pair in [(a, b) for a in ("C", "T1") for b in ("C", "T1")]:
        # A quarter each, give or take 5 standard deviations of a binomial.
        assert abs(pairs.count(pair) - 5_000) < 5 * (20_000 * 0.25 * 0.75) ** 0.5
