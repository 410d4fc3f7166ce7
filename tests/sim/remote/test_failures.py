"""What failed may have been handled: the session is over, and the run once nothing else comes."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from sim.engine.summary import Summary
from sim.errors import InputError
from sim.remote import DriveResult
from sim.world import World

MakeWorld = Callable[..., World]
Drive = Callable[..., DriveResult]
Play = Callable[..., Summary]
pytestmark = pytest.mark.integration


def others_than(failed: int) -> Any:
    return np.setdiff1d(np.arange(60), failed)


def failing(how: str) -> Any:
    """The reply, or its absence, of one failure."""
    if how == "cut":
        return None
    if how == "slow":
        threading.Event().wait(0.5)
        return 200, b'{"track": 1}'
    return int(how), b'{"message": "sorry"}'


@pytest.mark.parametrize("how", ["cut", "slow", "500", "502", "504", "501"])
def test_a_session_whose_request_failed_is_ended_and_counted(
    make_world: MakeWorld, service: Any, play_remote: Drive, in_process: Play, how: str
) -> None:
    world = make_world()
    failed: list[int] = []

    def answer(path: str, play: dict[str, Any]) -> Any:
        ended = service.count("/last")
        if not failed and "next" in path and ended > 9 and play["time"] < 1:
            failed.extend([ended, len(service.requests)])
            return failing(how)
        return service.by_formula(path, play)

    service.answer = answer
    done = play_remote(world, service.port, connections=1, timeout_seconds=0.25)
    # One connection plays the episodes in order, so as many had ended before it.
    episode, at = failed
    assert done.summary == in_process(world, others_than(episode))
    assert (done.failed, done.unclosed, done.retries, done.stopped) == (1, 0, 0, None)
    # Its last play is told to the service as such, once.
    path, play = service.requests[at - 1]
    assert service.requests[at] == (path.replace("next", "last"), play)
    assert service.count("/last") == 60


@pytest.mark.parametrize("how", ["cut", "500", "404", "503"])
def test_the_last_word_on_a_failed_session_is_not_insisted_on(
    make_world: MakeWorld, service: Any, play_remote: Drive, in_process: Play, how: str
) -> None:
    world = make_world(n_users=1)

    def answer(path: str, play: dict[str, Any]) -> Any:
        lasts = service.count("/last")
        if "next" in path and lasts == 9:
            return 500, b"{}"
        if "last" in path and lasts == 10:
            return failing(how)
        return service.by_formula(path, play)

    service.answer = answer
    done = play_remote(world, service.port)
    assert done.summary == in_process(world, others_than(9))
    assert (done.failed, done.unclosed, done.retries) == (1, 0, 0)
    assert service.count("/last") == 60


@pytest.mark.parametrize("how", ["cut", "500"])
def test_a_session_whose_end_failed_was_played_and_is_counted_apart(
    make_world: MakeWorld, service: Any, play_remote: Drive, in_process: Play, how: str
) -> None:
    world = make_world()

    def answer(path: str, play: dict[str, Any]) -> Any:
        if "last" in path and service.count("/last") in (5, 10):
            return failing(how)
        return service.by_formula(path, play)

    service.answer = answer
    done = play_remote(world, service.port)
    assert done.summary == in_process(world, range(60))
    assert (done.failed, done.unclosed, done.stopped) == (0, 2, None)
    assert service.count("/last") == 60


def test_a_service_that_only_fails(
    make_world: MakeWorld, service: Any, play_remote: Drive
) -> None:
    service.answer = lambda path, play: (
        (500, b'{"message": "the store is away"}')
        if "next" in path
        else service.by_formula(path, play)
    )
    with pytest.raises(InputError, match=r"12 requests in a row .*/next/\d+: .*store is away"):
        play_remote(make_world(n_users=500), service.port, range(10**9))
    assert service.count("/next") <= 12 + 4


def test_a_service_that_hangs_costs_a_few_timeouts_however_many_the_sessions(
    make_world: MakeWorld, service: Any, play_remote: Drive
) -> None:
    hanging = threading.Event()

    def answer(path: str, play: dict[str, Any]) -> Any:
        if path != "/":
            hanging.wait(30)
        return service.by_formula(path, play)

    service.answer = answer
    try:
        with pytest.raises(InputError, match=r"12 requests in a row .* no answer within 0.1 s"):
            play_remote(make_world(n_users=500), service.port, range(10**9), timeout_seconds=0.1)
    finally:
        hanging.set()
    assert len(service.requests) <= 1 + 12 + 4


@pytest.mark.parametrize("how", ["refuses", "closes", "breaks"])
def test_a_service_that_goes_away_leaves_the_finished_sessions(
    make_world: MakeWorld, service: Any, play_remote: Drive, in_process: Play, how: str
) -> None:
    world = make_world(n_users=500)
    finished: list[int] = []
    gone = threading.Event()

    def answer(path: str, play: dict[str, Any]) -> Any:
        if service.count("/last") == 30 and not gone.is_set():
            gone.set()
            if how == "closes":
                service.shutdown()
                service.socket.close()
        if not gone.is_set():
            return service.by_formula(path, play)
        return {"refuses": (503, b"{}"), "closes": None, "breaks": (500, b"oh")}[how]

    service.answer = answer
    done = play_remote(
        world,
        service.port,
        range(10**9),
        retry_seconds=0.3,
        progress=lambda ended: finished.extend(ended.episodes.tolist()),
    )
    message = {
        "refuses": "nothing but refusals for 0.3 s (/",
        "closes": "Connection refused): the service has gone away",
        "breaks": "12 requests in a row failed (the last: /",
    }[how]
    assert done.stopped is not None
    assert message in done.stopped
    assert done.stopped.startswith(f"http://127.0.0.1:{service.port}: ")
    assert "\n" not in done.stopped
    assert done.summary == in_process(world, np.array(finished))
    assert 25 <= done.summary.sessions <= 34
    assert done.failed >= 1
