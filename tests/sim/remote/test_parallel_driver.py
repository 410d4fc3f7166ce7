"""Several processes drive one service: the same sessions, and still one of a user at a time."""

import os
import signal
import threading
from collections import defaultdict
from collections.abc import Callable
from time import sleep
from typing import Any

import pytest

from sim.engine.sessions import EndedSessions
from sim.errors import InputError
from sim.remote import ServiceOptions
from sim.remote.parallel_driver import drive_parallel
from sim.world import World

pytestmark = pytest.mark.integration

MakeWorld = Callable[..., World]


def drive(world: World, port: int, processes: int, n: int = 60, **more: Any) -> Any:
    progress = more.pop("progress", lambda ended: None)
    service = ServiceOptions("127.0.0.1", port, connections=6, **more)
    return drive_parallel(
        world, service, seed=6, episodes=range(n), processes=processes, progress=progress
    )


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_the_outcome_does_not_depend_on_the_number_of_processes(
    make_world: MakeWorld, service: Any, in_process: Any, processes: int
) -> None:
    world = make_world()
    heard: list[EndedSessions] = []
    found = drive(world, service.port, processes, progress=heard.append)
    assert found.summary == in_process(world, range(60))
    assert (found.failed, found.retries, found.stopped) == (0, 0, None)
    assert sorted(e for some in heard for e in some.episodes.tolist()) == list(range(60))
    # Each process says hello once; the rest are the requests of the sessions.
    assert found.requests == found.summary.steps + found.summary.sessions
    assert len(service.requests) == found.requests + processes


def test_a_users_sessions_still_follow_each_other(make_world: MakeWorld, service: Any) -> None:
    drive(make_world(n_users=5), service.port, 3, n=80)
    routes: defaultdict[str, list[str]] = defaultdict(list)
    for path, play in service.requests:
        if path != "/":
            _, route, user = path.split("/")
            # A session starts with a track heard in full, and none starts inside another.
            routes[user].append("start" if play["time"] == 1.0 and route == "next" else route)
    assert sum(route == "last" for mine in routes.values() for route in mine) == 80
    for mine in routes.values():
        assert mine[0] == "start"
        assert mine[-1] == "last"


def test_a_wrong_answer_in_one_process_ends_the_run(make_world: MakeWorld, service: Any) -> None:
    service.answer = lambda path, play: (
        (200, b"{}") if path == "/" else (200, b'{"user": 1, "track": 999}')
    )
    with pytest.raises(InputError, match="999"):
        drive(make_world(), service.port, 2)


def test_ctrl_c_keeps_what_every_process_finished(make_world: MakeWorld, service: Any) -> None:
    heard: list[EndedSessions] = []

    def press() -> None:
        while not heard:
            sleep(0.01)
        # As a terminal does: to the whole group.
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    found = drive(make_world(), service.port, 1, n=10**9, progress=heard.append)
    thread.join()
    assert found.stopped == "interrupted"
    assert found.summary.sessions == sum(len(some.episodes) for some in heard) > 0
