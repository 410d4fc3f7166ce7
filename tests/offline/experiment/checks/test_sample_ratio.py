"""Sample ratio mismatch: what is found, and what it stops."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from offline.errors import InputError
from offline.experiment.aggregates.aggregate import aggregate
from offline.experiment.aggregates.summary import Aggregates
from offline.experiment.analysis import Options, analyse
from offline.experiment.checks.declared import parse_weights
from offline.experiment.checks.sample_ratio import health_text, sample_ratio
from offline.experiment.verdict.verdict import verdicts
from offline.logs.reader import open_logs

Make = Callable[..., Any]


@pytest.fixture
def split(write_log: Make, event: Make) -> Callable[..., Aggregates]:
    """split(C=5, T1=7): a log in which so many users each played one session."""

    def make(**users: int) -> Aggregates:
        events, number = [], 0
        for treatment, count in users.items():
            for _ in range(count):
                number += 1
                of = {"experiments": {"TEST": treatment}, "user": number}
                heard = (0.5 if treatment == "C" else 0.9) + number % 7 / 100
                stamp = 1000 * number
                events.append(event(timestamp=stamp, track=7, recommendation=8, **of))
                events.append(
                    event(message="last", timestamp=stamp + 1, track=8, time=heard, **of)
                )
        path: Path = write_log(events)
        with open_logs([str(path)]) as log:
            return aggregate(log, "TEST")

    return make


def test_the_p_value_is_that_of_a_chi_squared_test(split: Callable[..., Aggregates]) -> None:
    ratio = sample_ratio(split(C=60, T1=40))
    # (10^2 / 50) * 2 = 4 with one degree of freedom.
    assert ratio.p == pytest.approx(stats.chi2.sf(4, 1))
    assert ratio.expected == {"C": 50, "T1": 50}
    assert not ratio.mismatch
    assert "OK (users C 60, T1 40; chi-squared, p = 0.046)" in health_text(ratio)


def test_a_mismatch_stops_the_verdict(split: Callable[..., Aggregates]) -> None:
    found = split(C=150, T1=80)
    ratio = sample_ratio(found)
    assert ratio.mismatch
    assert "MISMATCH" in health_text(ratio)
    [verdict] = verdicts(analyse(found), {"T1": "DAE"})
    assert verdict.outcome == "open"
    assert verdict.sentence == (
        "No verdict on DAE (T1): it has 80 users against 150 where 115 against 115 were expected "
        f"(sample ratio mismatch, p = {ratio.p:.1g}). Find out who is missing first."
    )


def test_a_split_that_was_meant_is_none(split: Callable[..., Aggregates]) -> None:
    found = split(C=150, T1=80)
    ratio = sample_ratio(found, parse_weights("C=2,T1=1"))
    assert ratio.expected["T1"] == pytest.approx(230 / 3)
    assert not ratio.mismatch
    [verdict] = verdicts(analyse(found, options=Options(weights={"C": 2, "T1": 1})), {})
    assert verdict.outcome == "wins"


def test_a_few_users_tell_nothing(split: Callable[..., Aggregates]) -> None:
    ratio = sample_ratio(split(C=8, T1=1))
    assert ratio.p is None
    assert not ratio.mismatch
    assert health_text(ratio) == "sample ratio: too few users to test (C 8, T1 1)"


@pytest.mark.parametrize("text", ["C", "C=1,T1=x", "C=0,T1=1", "C=1,T1=inf", "C=-1,T1=1", ""])
def test_weights_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="--weights"):
        parse_weights(text)


def test_weights_must_be_those_of_the_log(split: Callable[..., Aggregates]) -> None:
    with pytest.raises(InputError, match=r"weights are given for C, T2, but the log has C, T1"):
        sample_ratio(split(C=8, T1=8), {"C": 1, "T2": 1})
