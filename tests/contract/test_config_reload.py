"""Experiments that change while listeners play: all workers follow, and the log tells which."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from botify.config import ExperimentConfig
from botify.experiments import Experiments

from .load import Load, check_log, check_sessions, until, workers_of

pytestmark = pytest.mark.integration

Serve = Callable[..., Any]
Connect = Callable[[str], Any]

BEFORE: dict[str, Any] = {"treatments": {"C": "random", "T1": "dae"}, "weights": {"C": 1, "T1": 1}}
AFTER: dict[str, Any] = {
    "treatments": {"C": "random", "T1": "top_pop"},
    "weights": {"C": 1, "T1": 3},
}
SERVICE: dict[str, Any] = {
    "workers": 3,
    "experiments": {"E": BEFORE},
    "default": None,
    "log": {"min_free_bytes": 0},
}


def assigned(user: int, experiment: dict[str, Any]) -> str:
    experiments = Experiments({"E": ExperimentConfig.model_validate(experiment)})
    return experiments.assign(user)["E"]


@pytest.mark.parametrize("watched", [True, pytest.param(False, marks=pytest.mark.nightly)])
def test_changed_experiments_under_load(
    serve: Serve, connect: Connect, config_path: Callable[..., Path], watched: bool
) -> None:
    watch = {"watch_config": watched, "watch_settle": 0.5}
    served = serve(SERVICE | watch)

    def change(**changes: Any) -> None:
        config_path(**SERVICE | watch | changes)
        if not watched:
            served.process.send_signal(signal.SIGUSR1)

    def in_force() -> Any:
        """What each port tells; a connection of its own each time: any worker may answer."""
        urls = (served.url, served.url, served.url, served.operations_url)
        found = [connect(url).request("GET", "/experiments")[1]["experiments"][0] for url in urls]
        return found if all(each == found[0] for each in found) else None

    def health() -> Any:
        return connect(served.operations_url).request("GET", "/health")

    assert until(in_force)[0]["weights"] == {"C": 1, "T1": 1}
    with Load(served.url) as running:
        running.goes_on(5)
        change(experiments={"E": AFTER}, session_ttl=77)
        until(lambda: (found := in_force()) and found[0]["weights"] == {"C": 1, "T1": 3})
        warning = "changed in the config file, but need a restart: session_ttl"
        until(lambda: health()[1].get("warnings") == [warning])
        running.goes_on(5)
        change(experiments={"E": {**AFTER, "weights": {"C": 1}}})
        status, body = until(lambda: (found := health())[0] == 503 and found)
        assert "the running config goes on" in body["reasons"][0]
        assert "experiments.E: weights are given to C; give one to each" in body["reasons"][0]
        assert status == 503
        assert in_force()[0]["weights"] == {"C": 1, "T1": 3}
        change(experiments={"E": AFTER})
        until(lambda: not any("config file" in why for why in health()[1].get("reasons", [])))
        running.goes_on(5)
    assert running.failures == []
    assert served.stop() == 0
    events = served.log()
    check_log(events, running)
    check_sessions(events)
    runs = list(dict.fromkeys(event["run"] for event in events))
    assert len(runs) == 2
    for event in events:
        experiment = (BEFORE, AFTER)[runs.index(event["run"])]
        treatment = event["experiments"]["E"]
        assert treatment == assigned(event["user"], experiment)
        wanted = experiment["treatments"][treatment]
        if event["message"] == "next":
            assert event["recommender"] in {wanted, "random", "top_pop", "fallback"}
            if wanted == "random":
                assert event["recommender"] in {"random", "fallback"}
    logged = served.process.stderr.read()
    assert "config: experiments.E.weights: {C: 1, T1: 1} -> {C: 1, T1: 3}" in logged
    assert "config: session_ttl changed; that needs a restart" in logged


def test_a_restarted_worker_has_the_changed_experiments(
    serve: Serve, connect: Connect, config_path: Callable[..., Path]
) -> None:
    served = serve(SERVICE | {"workers": 1})
    [worker] = workers_of(served.process.pid)
    config_path(**SERVICE | {"workers": 1, "experiments": {"E": AFTER}})
    served.process.send_signal(signal.SIGUSR1)

    def weights() -> Any:
        _, body = connect(served.url).request("GET", "/experiments")
        return body["experiments"][0]["weights"]

    until(lambda: weights() == {"C": 1, "T1": 3})
    os.kill(worker, signal.SIGKILL)
    until(lambda: workers_of(served.process.pid) not in ([], [worker]))
    until(lambda: _answers(weights))
    assert weights() == {"C": 1, "T1": 3}
    assert served.stop() == 0


def _answers(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except OSError:
        return False
    return True
