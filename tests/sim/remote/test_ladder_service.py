"""A running service on the ladder."""

from collections.abc import Callable
from typing import Any

import pytest

from sim.engine.summary import Summary
from sim.errors import InputError
from sim.ladder.command import measure_service
from sim.remote import ServiceOptions
from sim.world import World

from .conftest import N_TRACKS, SEED, Service

pytestmark = pytest.mark.integration


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world(n_users=20, n_tracks=N_TRACKS)


def test_its_sums_are_those_of_the_same_answers_in_process(
    world: World, service: Service, in_process: Callable[..., Summary]
) -> None:
    options = ServiceOptions(port=service.port)
    sums = measure_service(world, options, SEED, range(60))
    alike = in_process(world, range(60))
    assert sums.sessions.sum() == 60
    assert sums.cents.sum() / 6000 == pytest.approx(alike.mean_session_time)
    assert sums.tracks.sum() / 60 == pytest.approx(alike.mean_steps + 1)


def test_one_that_fails_now_and_then_is_refused(world: World, service: Service) -> None:
    def fails_for_one(path: str, play: dict[str, Any]) -> Any:
        if path.startswith("/next/3"):
            return 400, b'{"message": "no"}'
        return service.by_formula(path, play)

    service.answer = fails_for_one
    options = ServiceOptions(port=service.port, retry_seconds=0.1)
    with pytest.raises(InputError):
        measure_service(world, options, SEED, range(60))


def test_neither_is_one_that_is_not_there(world: World, service: Service) -> None:
    service.stop()
    options = ServiceOptions(port=service.port, retry_seconds=0.1)
    with pytest.raises(InputError, match=f"{service.port}"):
        measure_service(world, options, SEED, range(60))
