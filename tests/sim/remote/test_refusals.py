"""What a service refused was not done, so it is asked again: nothing is lost by it."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from sim.engine.summary import Summary
from sim.errors import InputError
from sim.remote import DriveResult
from sim.world import World

MakeWorld = Callable[..., World]
Drive = Callable[..., DriveResult]
Play = Callable[..., Summary]
pytestmark = pytest.mark.integration


@pytest.mark.parametrize("status", [503, 429])
def test_what_the_service_refused_is_asked_again_and_changes_nothing(
    make_world: MakeWorld, service: Any, play_remote: Drive, in_process: Play, status: int
) -> None:
    world = make_world()
    refused: set[str] = set()

    def answer(path: str, play: dict[str, Any]) -> Any:
        asked = f"{path} {play}"
        if len(refused) < 20 and path != "/" and asked not in refused:
            refused.add(asked)
            return status, b'{"message": "busy"}', {"Retry-After": "0"}
        return service.by_formula(path, play)

    service.answer = answer
    done = play_remote(world, service.port)
    assert done.summary == in_process(world, range(60))
    assert (done.failed, done.unclosed, done.stopped, done.retries) == (0, 0, None, 20)
    assert done.requests == done.summary.steps + 60 + 20


def test_an_idle_connection_that_was_closed_is_no_failure(
    make_world: MakeWorld, service: Any, play_remote: Drive, in_process: Play
) -> None:
    """The server hangs up after each refusal: the pause that follows is an idle connection."""
    world = make_world()

    def answer(path: str, play: dict[str, Any]) -> Any:
        if service.count("/next") == 5:
            return 503, b"{}", {"Connection": "close"}
        return service.by_formula(path, play)

    service.answer = answer
    done = play_remote(world, service.port, connections=1)
    assert done.summary == in_process(world, range(60))
    assert (done.retries, done.failed) == (1, 0)


def test_as_long_as_the_service_asks_for(
    make_world: MakeWorld, service: Any, play_remote: Drive
) -> None:
    """Without Retry-After, six or so would fit."""
    service.answer = lambda path, play: (
        (503, b"{}", {"Retry-After": "1"}) if "next" in path else service.by_formula(path, play)
    )
    with pytest.raises(InputError, match="nothing but refusals"):
        play_remote(make_world(), service.port, range(1), retry_seconds=1.2)
    assert service.count("/next") <= 3


def test_a_refused_session_keeps_nobody_waiting(
    make_world: MakeWorld, service: Any, play_remote: Drive, in_process: Play
) -> None:
    world = make_world(n_users=200)
    refused: list[str] = []

    def answer(path: str, play: dict[str, Any]) -> Any:
        if path != "/" and not refused:
            refused.append(path)
        if refused and path == refused[0] and service.count("/last") < 59:
            return 503, b"{}"
        return service.by_formula(path, play)

    service.answer = answer
    done = play_remote(world, service.port, retry_seconds=30.0)
    assert done.summary == in_process(world, range(60))
    assert done.failed == 0
    assert done.retries >= 1


def test_who_is_refused_for_too_long_while_others_are_answered_is_counted(
    make_world: MakeWorld, service: Any, play_remote: Drive
) -> None:
    world = make_world(n_users=200)
    refused: list[str] = []

    def answer(path: str, play: dict[str, Any]) -> Any:
        if path != "/" and not refused:
            refused.append(path.removeprefix("/next"))
        if refused and path == f"/next{refused[0]}":
            return 503, b"{}"
        if refused and not service.count(f"/last{refused[0]}"):
            threading.Event().wait(0.02)  # the others must not be done before it is given up
        return service.by_formula(path, play)

    service.answer = answer
    done = play_remote(world, service.port, retry_seconds=0.5)
    assert (done.summary.sessions, done.failed, done.stopped) == (59, 1, None)
    assert service.count(f"/last{refused[0]}") == 1


def test_a_service_that_restarts_is_waited_for(
    make_world: MakeWorld,
    service: Any,
    start_service: Callable[..., Any],
    play_remote: Drive,
    in_process: Play,
) -> None:
    world = make_world()
    service.close_after_each = True
    down = threading.Event()

    def answer(path: str, play: dict[str, Any]) -> Any:
        if service.count("/last") == 20 and not down.is_set():
            down.set()
            service.shutdown()
            service.socket.close()
            again.start()
        return service.by_formula(path, play)

    service.answer = answer
    again = threading.Timer(0.3, start_service, [service.port])
    done = play_remote(world, service.port, connections=1)
    again.join()
    assert done.summary == in_process(world, range(60))
    assert (done.failed, done.stopped) == (0, None)
    assert done.retries >= 1
