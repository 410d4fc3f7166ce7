"""Clipping, switch and shrinkage against plain loops, and against the truth."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from offline.metrics.intervals import Estimate
from offline.off_policy.bounded_estimators import Logged, clipped_ips, shrunk, switch
from offline.off_policy.estimators import doubly_robust, ends, ips

from ..programs import offline_in
from .test_estimate import made_up

Make = Callable[..., Any]
RNG = np.random.default_rng


def logged(rng: np.random.Generator, n: int = 2000, rare: float = 0.0005) -> Logged:
    """One decision a user among 3 actions of which the target wants the rarest; true value .3."""
    chances = np.array([0.7, 0.3 - rare, rare])
    target = np.array([0.2, 0.6, 0.2])
    values = np.array([0.2, 0.3, 0.4])
    actions = rng.choice(3, n, p=chances)
    rewards = (rng.random(n) < values[actions]).astype(float)
    model = values + 0.05
    return Logged(
        target[actions] / chances[actions],
        rewards,
        model[actions],
        np.full(n, model @ target),
        np.arange(n),
    )


def test_each_is_its_formula() -> None:
    log = logged(RNG(1), 300, 0.05)
    rows = list(zip(log.weights, log.rewards, log.predicted, log.expected, strict=True))
    clipped = sum(min(w, 1.5) * r for w, r, _, _ in rows) / 300
    switched = sum(q + (w * (r - p) if w <= 1.5 else 0) for w, r, p, q in rows) / 300
    shrunken = sum(q + 3 * w / (w * w + 3) * (r - p) for w, r, p, q in rows) / 300
    assert clipped_ips(log, 1.5).estimate.mean == pytest.approx(clipped)
    assert switch(log, 1.5).estimate.mean == pytest.approx(switched)
    assert shrunk(log, 3.0).estimate.mean == pytest.approx(shrunken)


def test_at_the_ends_they_are_ips_dr_and_the_direct_method() -> None:
    log = logged(RNG(2), 400, 0.05)
    robust = doubly_robust(log.weights, log.rewards, log.predicted, log.expected, log.users)
    assert clipped_ips(log, np.inf).estimate == ips(log.weights, log.rewards, log.users)
    assert switch(log, np.inf).estimate == shrunk(log, np.inf).estimate == robust
    direct = pytest.approx(log.expected.mean())
    assert switch(log, 0.0).estimate.mean == shrunk(log, 0.0).estimate.mean == direct


def test_they_err_less_where_weights_are_large() -> None:
    rng = RNG(3)
    errors: dict[str, list[float]] = {}
    for _ in range(400):
        log = logged(rng)
        robust = doubly_robust(log.weights, log.rewards, log.predicted, log.expected, log.users)
        for name, value in (
            ("IPS", ips(log.weights, log.rewards, log.users).mean),
            ("clipped", clipped_ips(log).estimate.mean),
            ("DR", robust.mean),
            ("switch", switch(log).estimate.mean),
            ("shrunk", shrunk(log).estimate.mean),
        ):
            errors.setdefault(name, []).append(value - 0.3)
    error = {name: float(np.sqrt(np.mean(np.square(some)))) for name, some in errors.items()}
    assert error["clipped"] < error["IPS"]
    assert error["switch"] < error["DR"]
    assert error["shrunk"] < error["DR"]


def test_small_weights_stay_as_they_are() -> None:
    log = logged(RNG(4), 100_000, 0.15)
    robust = doubly_robust(log.weights, log.rewards, log.predicted, log.expected, log.users)
    assert shrunk(log).estimate.mean == pytest.approx(robust.mean, abs=0.01)
    even = Logged(np.ones(9), log.rewards[:9], log.predicted[:9], log.expected[:9], np.arange(9))
    assert clipped_ips(even).estimate.mean == pytest.approx(log.rewards[:9].mean())


def test_one_user_and_no_match() -> None:
    log = logged(RNG(5), 50, 0.1)
    alone = Logged(log.weights, log.rewards, log.predicted, log.expected, np.zeros(50, int))
    assert clipped_ips(alone).parameter == np.inf
    assert np.isinf(switch(alone).estimate.half_width)
    none = Logged(np.zeros(50), log.rewards, log.predicted, log.expected, log.users)
    assert (clipped_ips(none).estimate.mean, clipped_ips(none).parameter) == (0, np.inf)


def test_intervals_of_a_share_stay_in_0_to_1() -> None:
    assert ends(Estimate(0.1, 0.3)) == (0.0, 0.4)
    assert ends(Estimate(0.9, 0.3)) == (pytest.approx(0.6), 1.0)
    assert ends(Estimate(1.2, 0.3)) == (pytest.approx(0.9), 1.0)
    assert np.isnan(ends(Estimate(1.5, 0.3))).all()
    assert np.isnan(ends(Estimate(0.5, np.inf))).all()
    assert ends(Estimate(-2.0, 3.0), None) == (-5.0, 1.0)


def test_the_command_tells_them(write_log: Make, tmp_path: Path) -> None:
    write_log(made_up(RNG(3), 9))
    lists = [json.dumps({"user": user, "tracks": [9]}) for user in range(0, 60, 2)]
    (tmp_path / "lists.json").write_text("\n".join(lists))
    said = offline_in(tmp_path)(
        *("off-policy", "@data.json", "--lists", "@lists.json", "--json", "@out.json", "--first")
    )
    [found] = json.loads((tmp_path / "out.json").read_text())["targets"]
    for name in ("clipped IPS", "switch DR", "shrunk DR"):
        assert name in said
        assert found["estimates"][name]["lower"] >= 0
        assert found["estimates"][name]["upper"] <= 1
        assert "parameter" in found["estimates"][name]
    # IPS is 0.9 times a share of about 1, with an interval that would pass 1.
    assert found["estimates"]["IPS"]["upper"] == 1.0
    [words] = [line for line in said.splitlines() if "chosen by SLOPE" in line]
    assert "know of no bias" in words
