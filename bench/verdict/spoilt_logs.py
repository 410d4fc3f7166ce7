"""Logs that are mixed, cut, spoilt or whole: written, and judged as `analyze` judges them."""

import json
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.verdict.made_lines import (
    DAY_MS,
    DAYS,
    EXPERIMENT,
    OTHER,
    START_MS,
    Line,
    answer,
    lines_of,
    without,
    write_log,
)
from bench.verdict.made_users import CALLED, STOPPED, metrics, outcomes
from bench.verdict.rates import ALWAYS, FALSE, FALSE_STOP, Found, Scenario
from contract.files import PUBLISHED
from offline.experiment.aggregates.aggregate import aggregate
from offline.experiment.aggregates.triggered import Above
from offline.experiment.analysis import Options, analyse
from offline.logs.reader import open_logs

_USERS, _TESTS = 400, 100
_MIDDLE = START_MS + DAYS * DAY_MS // 2
Make = Callable[[np.random.Generator], Sequence[Line | str]]


def judged(
    rng: np.random.Generator,
    make: Make,
    declared: Sequence[str] | None = None,
    weights: dict[str, float] | None = None,
    published: Sequence[tuple[str, int]] = (),
    above: Above | None = None,
    allowed: tuple[str, ...] = (),
) -> Found:
    """Write the lines, read them, and return the statements of the analysis."""
    with tempfile.TemporaryDirectory(prefix="botify-calibrate-") as folder:
        path = write_log(Path(folder), make(rng))
        records = [{"version": version, "timestamp": at} for version, at in published]
        write_log(Path(folder), records, PUBLISHED)
        with open_logs([path]) as log:
            found = aggregate(log, EXPERIMENT, declared=declared, metrics=metrics(), above=above)
    return outcomes(analyse(found, options=Options(draws=0, weights=weights, allowed=allowed)))


def whole(rng: np.random.Generator, **more: Any) -> list[Line]:
    """Nothing wrong."""
    return lines_of(rng, _USERS, **more)


def lost(rng: np.random.Generator, share: float, arm: str = "") -> list[Line]:
    """Any line is missing with this chance, of one arm or of both."""
    lines = whole(rng)
    return [
        line
        for line, chance in zip(lines, rng.random(len(lines)), strict=True)
        if chance >= share or (arm and line["experiments"][EXPERIMENT] != arm)
    ]


def replica(rng: np.random.Generator, known: bool = True) -> list[Line]:
    """The log of one of two services that take requests in turn; with `session` where `known`."""
    lines = whole(rng)[::2]
    return lines if known else without(lines, "session")


def half_of_users(rng: np.random.Generator) -> list[Line]:
    """The log of one of two services, where a user stays with one."""
    return [line for line in lines_of(rng, 2 * _USERS) if line["user"] % 2]


def cut_off(rng: np.random.Generator) -> list[Line]:
    """Nothing after noon of the tenth day: the test still runs."""
    return [line for line in whole(rng) if line["timestamp"] < START_MS + 10.5 * DAY_MS]


def leavers(rng: np.random.Generator, control: float, treated: float) -> list[Line]:
    """Sessions whose `last` is missing, with these chances."""
    chance = {"C": control, "T1": treated}
    return [
        line
        for line in lines_of(rng, 1000)
        if line["message"] == "next" or rng.random() >= chance[line["experiments"][EXPERIMENT]]
    ]


def two_worlds(rng: np.random.Generator, versions: bool = True) -> list[Line]:
    """Users of one world hear twice as much, and three in four of them are in T1."""
    lines = [
        *lines_of(rng, _USERS // 2, second=0.25),
        *lines_of(rng, _USERS // 2, lift=2, second=0.75, first_user=_USERS, world="2"),
    ]
    lines.sort(key=lambda line: line["timestamp"])
    return lines if versions else without(lines, "world_version", "run", "model_version")


def changed(
    rng: np.random.Generator, field: str, arm: str = "", half: str = "later"
) -> list[Line]:
    """Another run or model: later in the test, or for one user in two from the start."""
    lines = whole(rng)
    for line in lines:
        other = line["timestamp"] >= _MIDDLE if half == "later" else line["user"] % 2
        if other and field in line and (not arm or line["experiments"][EXPERIMENT] == arm):
            line[field] += "-later"
    return lines


def spoilt(rng: np.random.Generator, share: float, arm: str = "") -> list[Line | str]:
    """Lines that are cut in the middle, or whose latency is a word; of one arm or of both."""
    lines = whole(rng)
    return [
        _bad(line, rng.random() < 0.5)
        if chance < share and arm in ("", line["experiments"][EXPERIMENT])
        else line
        for line, chance in zip(lines, rng.random(len(lines)), strict=True)
    ]


def _bad(line: Line, cut: bool) -> Line | str:
    return json.dumps(line)[:40] if cut else line | {"latency": "slow"}


def in_both(rng: np.random.Generator, share: float) -> list[Line]:
    """This share of the users gets the other arm in half of their lines."""
    lines = lines_of(rng, 1000)
    switching = set(rng.choice(1000, round(1000 * share), replace=False).tolist())
    other = {"C": "T1", "T1": "C"}
    for line in lines:
        if line["user"] in switching and rng.random() < 0.5:
            arms = line["experiments"]
            answer(line, arms | {EXPERIMENT: other[arms[EXPERIMENT]]})
    return lines


def foreign(rng: np.random.Generator, users: int) -> list[Line]:
    """Besides, this number of users of T2, with twice the session time."""
    lines = lines_of(rng, users, lift=2, first_user=_USERS)
    for line in lines:
        line["experiments"] = {EXPERIMENT: "T2"}
    return sorted([*whole(rng), *lines], key=lambda line: line["timestamp"])


def triggered(rng: np.random.Generator) -> list[Line]:
    """Another experiment takes precedence for half of the users, with larger shares heard."""
    lines = whole(rng, other=True)
    for line in lines:
        if line["experiments"][OTHER] == "T1" and line["time"] < 1:
            line["time"] = round(line["time"] ** (1 / 3), 2)
    return lines


def logs() -> list[Scenario]:
    """As for users: wrong data must stop the verdict, correct data hardly ever."""
    fine = {STOPPED: FALSE_STOP, CALLED: FALSE}
    must = {STOPPED: ALWAYS}
    model = "model_version"
    versions = [(f"{name}-1-later", _MIDDLE) for name in ("contextual", "dae")]
    above = Above({OTHER: frozenset({"T1"})})
    untold = ("world_version", "run", model)
    sound: list[tuple[str, Any]] = [
        ("a complete log", partial(judged, make=whole)),
        (
            "a complete log without versions of run, world and model",
            partial(judged, make=lambda rng: without(whole(rng), *untold)),
        ),
        (
            "new models halfway, with a record of publication",
            partial(judged, make=partial(changed, field=model), published=versions),
        ),
        ("one of two replicas, each with its own users", partial(judged, make=half_of_users)),
        ("a test that still runs", partial(judged, make=cut_off)),
        ("1 % of the lines are missing", partial(judged, make=partial(lost, share=0.01))),
        ("1 % of the lines are bad", partial(judged, make=partial(spoilt, share=0.01))),
        ("0.5 % of the users in both arms", partial(judged, make=partial(in_both, share=0.005))),
        ("5 stray users of T2", partial(judged, make=partial(foreign, users=5))),
        (
            "60 users of T2, which the config does not have",
            partial(judged, make=partial(foreign, users=60), declared=("C", "T1")),
        ),
        (
            "3 % leave without `last` in each arm",
            partial(judged, make=partial(leavers, control=0.03, treated=0.03)),
        ),
        (
            "triggered: an experiment above decides for half",
            partial(judged, make=triggered, above=above),
        ),
    ]
    wrong: list[tuple[str, Any]] = [
        ("two worlds in one log", partial(judged, make=two_worlds)),
        ("two runs, one after the other", partial(judged, make=partial(changed, field="run"))),
        (
            "two models in T1 at the same time",
            partial(judged, make=partial(changed, field=model, arm="T1", half="users")),
        ),
        (
            "a new model in T1 without a record",
            partial(judged, make=partial(changed, field=model, arm="T1")),
        ),
        ("one of two replicas, in turn", partial(judged, make=replica)),
        (
            "one of two replicas, in turn, no `session`",
            partial(judged, make=partial(replica, known=False)),
        ),
        ("a random half of the lines", partial(judged, make=partial(lost, share=0.5))),
        (
            "a fifth of T1's lines is missing",
            partial(judged, make=partial(lost, share=0.2, arm="T1")),
        ),
        ("8 % of the lines are bad", partial(judged, make=partial(spoilt, share=0.08))),
        (
            "15 % of T1's lines are bad",
            partial(judged, make=partial(spoilt, share=0.15, arm="T1")),
        ),
        (
            "1 % leave without `last` in C, 8 % in T1",
            partial(judged, make=partial(leavers, control=0.01, treated=0.08)),
        ),
        ("3 % of the users in both arms", partial(judged, make=partial(in_both, share=0.03))),
        (
            "an arm of the config has no line",
            partial(
                judged, make=whole, declared=("C", "T1", "T2"), weights={"C": 1, "T1": 1, "T2": 1}
            ),
        ),
    ]
    found = [Scenario(name, test, fine, tests=_TESTS) for name, test in sound]
    found += [Scenario(name, test, least=must, tests=_TESTS) for name, test in wrong]
    undetectable = partial(judged, make=partial(two_worlds, versions=False))
    name = "two worlds in a log without versions (cannot be detected)"
    return [*found, Scenario(name, undetectable, tests=_TESTS)]
