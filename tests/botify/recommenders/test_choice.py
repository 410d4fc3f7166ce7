"""What a plug-in may answer: plain numbers reach the log, anything else is a failure."""

import json
from typing import Any

import numpy as np
import pytest

from botify.catalog import Catalog
from botify.files.jsonlines import encode
from botify.plays import Play
from botify.recommenders import Choice, Recommender, RecommenderConfig, Resources, Turn
from botify.store.sessions import Decision, SessionSnapshot

TRACKS = [str(track) for track in range(10)]


def decided(choice: Any) -> Decision:
    class Answers(Recommender):
        def choose(self, turn: Turn) -> Choice | None:
            return choice(turn) if callable(choice) else choice

    class Store:
        def open_session(self, *_: object) -> SessionSnapshot:
            return SNAPSHOT

        def mark_offered(self, *_: object) -> None:
            pass

    resources = Resources(Catalog(TRACKS, TRACKS), {})
    recommender = Answers("mine", RecommenderConfig(type="answers"), resources)
    store: Any = Store()
    return recommender.recommend(store, 1, Play(7, 0.5), (0.3, 0.6), b"")


SNAPSHOT = SessionSnapshot("s", 1, b"", b"", ahead=0, random=(0.3, 0.6))


@pytest.mark.parametrize(
    "choice",
    [
        Choice(np.int64(3), np.float32(0.5), np.int32(2)),  # type: ignore[arg-type]
        lambda turn: turn.draw(np.array([3]), np.array([0.5])),
        lambda turn: turn.first(np.array([3])),
    ],
)
def test_numbers_of_numpy_are_logged_as_numbers(choice: Any) -> None:
    found = decided(choice)
    told = json.loads(encode([found.track, found.propensity, found.rank]))
    assert told[0] == 3
    assert 0 < told[1] <= 1
    assert told[2] in (None, 0, 2)


@pytest.mark.parametrize(
    "choice",
    [
        Choice(10),
        Choice(-1),
        Choice(3.0),  # type: ignore[arg-type]
        Choice(3, float("nan")),
        Choice(3, 0.0),
        Choice(3, rank=-1),
        Choice(3, rank=1.5),  # type: ignore[arg-type]
        Choice(3, model_version=7),  # type: ignore[arg-type]
    ],
)
def test_what_the_log_cannot_mean_is_a_failure(choice: Choice) -> None:
    with pytest.raises((ValueError, TypeError)):
        decided(choice)
