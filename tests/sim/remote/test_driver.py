"""A run against a service is the run that the same answers give in process."""

import itertools
import os
import signal
import socket
import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from sim.engine.summary import Summary
from sim.remote import DriveResult
from sim.world import World

MakeWorld = Callable[..., World]
Drive = Callable[..., DriveResult]
Play = Callable[..., Summary]
pytestmark = pytest.mark.integration


@pytest.mark.parametrize("connections", [1, 4, 80])
def test_a_remote_run_is_an_in_process_run(
    make_world: MakeWorld, service: Any, play_remote: Drive, in_process: Play, connections: int
) -> None:
    world = make_world()
    done = play_remote(world, service.port, connections=connections)
    assert done.summary == in_process(world, range(60))
    assert done.requests == len(service.requests) - 1 == done.summary.steps + 60
    assert (done.failed, done.unclosed, done.retries, done.stopped) == (0, 0, 0, None)
    assert service.connections <= connections + 1


@pytest.mark.parametrize("n_users", [1, 3, 20])
def test_each_user_sends_what_one_session_at_a_time_would_send(
    make_world: MakeWorld, start_service: Callable[..., Any], play_remote: Drive, n_users: int
) -> None:
    world = make_world(n_users=n_users)

    def sent(connections: int) -> dict[str, list[Any]]:
        service = start_service()
        play_remote(world, service.port, connections=connections)
        users = defaultdict(list)
        for path, play in service.requests[1:]:
            _, route, user = path.split("/")
            users[user].append((route, play))
        return users

    assert sent(16) == sent(1)


def test_a_session_is_told_to_the_service_from_its_first_play_to_its_last(
    make_world: MakeWorld, service: Any, play_remote: Drive
) -> None:
    play_remote(make_world(), service.port, connections=1)
    assert service.requests[0] == ("/", {})
    first = True
    track = None
    for path, play in service.requests[1:]:
        _, route, user = path.split("/")
        assert set(play) == {"track", "time"}
        assert play["time"] == (1.0 if first else round(play["time"], 2))
        assert first or play["track"] == track
        if route == "next":
            track = (int(user) * 7 + play["track"] * 3 + 1) % 60
        first = route == "last"
    assert first, "the run ends with a last"
    assert np.unique([play["time"] for _, play in service.requests[1:]]).size > 10


def test_nobody_waits_for_a_slow_answer_to_another(
    make_world: MakeWorld, service: Any, play_remote: Drive, in_process: Play
) -> None:
    """All other sessions are over before the first of them gets its first answer."""
    world = make_world(n_users=200)
    others = threading.Event()
    slow: list[str] = []

    def answer(path: str, play: dict[str, Any]) -> tuple[int, bytes]:
        if path != "/" and not slow:
            slow.append(path)
            assert others.wait(30)
        reply = service.by_formula(path, play)
        if service.count("/last") == 59:
            others.set()
        return reply

    service.answer = answer
    done = play_remote(world, service.port, timeout_seconds=40.0)
    assert others.is_set()
    assert done.summary == in_process(world, range(60))


@pytest.mark.parametrize("manner", ["close_after_each", "chunked"])
def test_services_of_other_manners_are_served_as_well(
    make_world: MakeWorld, service: Any, play_remote: Drive, in_process: Play, manner: str
) -> None:
    world = make_world()
    setattr(service, manner, True)
    done = play_remote(world, service.port)
    assert done.summary == in_process(world, range(60))
    if manner == "close_after_each":
        assert service.connections == len(service.requests)


def test_progress_hears_of_every_finished_session_once(
    make_world: MakeWorld, service: Any, play_remote: Drive
) -> None:
    episodes: list[int] = []
    play_remote(
        make_world(), service.port, progress=lambda ended: episodes.extend(ended.episodes.tolist())
    )
    assert sorted(episodes) == list(range(60))


def test_answers_that_came_while_the_caller_was_busy_are_not_late(
    make_world: MakeWorld, service: Any, play_remote: Drive
) -> None:
    done = play_remote(
        make_world(),
        service.port,
        range(8),
        timeout_seconds=0.2,
        progress=lambda ended: threading.Event().wait(0.3),
    )
    assert (done.summary.sessions, done.failed) == (8, 0)


def test_endless_episodes_until_ctrl_c_keep_what_was_finished(
    make_world: MakeWorld, service: Any, play_remote: Drive, in_process: Play
) -> None:
    world = make_world()
    finished: list[int] = []
    once = threading.Lock()

    def answer(path: str, play: dict[str, Any]) -> tuple[int, bytes]:
        if service.count("/last") == 40 and once.acquire(blocking=False):
            os.kill(os.getpid(), signal.SIGINT)
        return service.by_formula(path, play)

    service.answer = answer
    done = play_remote(
        world,
        service.port,
        itertools.count(),
        connections=1,
        progress=lambda ended: finished.extend(ended.episodes.tolist()),
    )
    assert done.stopped == "interrupted"
    assert done.failed == 0
    assert done.summary == in_process(world, np.array(finished))
    assert done.summary.sessions > 30


def test_a_host_of_several_addresses_is_asked_at_each(
    make_world: MakeWorld, service: Any, play_remote: Drive
) -> None:
    """Where localhost is ::1 first, the service that listens on 127.0.0.1 is found."""
    assert play_remote(make_world(), service.port, host="localhost").summary.sessions == 60


def test_an_ipv6_host_is_named_in_brackets(make_world: MakeWorld, play_remote: Drive) -> None:
    heard: list[bytes] = []

    def serve(listener: socket.socket) -> None:
        accepted, _ = listener.accept()
        with accepted:
            heard.append(accepted.recv(65536))

    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        port = listener.getsockname()[1]
        with pytest.raises(ValueError, match=rf"http://\[::1\]:{port}/: no answer"):
            play_remote(make_world(), port, host="::1")
        thread.join()
    assert b"\r\nHost: [::1]:%d\r\n" % port in heard[0]
