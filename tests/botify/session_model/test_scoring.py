"""What a model of sessions answers, on a model whose right answers are known."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from botify.session_model.scoring import Choice, Exploration, SessionModel
from botify.session_model.tables import Tables

N = 40
STRANGER = 77
UNKNOWN_TRACK = N - 1
NOBODY = np.arange(N, dtype=np.int32)  # every track is an artist's only one


@pytest.fixture
def tables(write_sessions: Callable[..., Path], tmp_path: Path) -> Tables:
    return Tables.read(write_sessions(tmp_path / "sessions.safetensors", N), N)


@pytest.fixture
def model(tables: Tables) -> SessionModel:
    return SessionModel(tables, NOBODY, "v1")


def choose(
    model: SessionModel,
    user: int,
    *plays: tuple[int, float],
    barred: tuple[int, ...] = (),
    ahead: int = 0,
    explore: Exploration | None = None,
    draws: tuple[float, float] = (0.5, 0.5),
) -> Choice | None:
    """As the service asks: what was played is barred."""
    tracks = np.array([track for track, _ in plays], dtype=np.int32)
    times = np.array([time for _, time in plays], dtype=np.float32)
    closed = np.array([*tracks.tolist(), *barred], dtype=np.int32)
    return model.choose(user, tracks, times, closed, ahead, explore, draws)


def track(choice: Choice | None) -> int:
    assert choice is not None
    return choice.track


@pytest.mark.parametrize("user", [3, STRANGER, 10**30])
def test_where_a_session_begins_tells_the_taste(model: SessionModel, user: int) -> None:
    assert track(choose(model, user, (2, 1.0))) == 0
    assert track(choose(model, user, (3, 1.0))) == 1


def test_what_is_heard_later_overrules_the_start(model: SessionModel) -> None:
    plays = [(6, 1.0), (8, 0.0), (10, 0.0), (12, 0.0), (7, 1.0), (9, 1.0), (11, 1.0)]
    assert track(choose(model, 3, *plays)) == 1


def test_a_start_that_is_unknown_leaves_the_history(model: SessionModel) -> None:
    assert track(choose(model, 3, (UNKNOWN_TRACK, 1.0))) in (0, 1)


def test_of_a_stranger_with_an_unknown_track_nothing_is_known(model: SessionModel) -> None:
    assert choose(model, STRANGER, (UNKNOWN_TRACK, 1.0)) is None


def test_barred_tracks_are_passed_over(model: SessionModel) -> None:
    assert track(choose(model, 3, (2, 1.0), barred=(0, 4))) == 6


def test_nothing_is_left_where_all_is_barred(model: SessionModel) -> None:
    assert choose(model, 3, (2, 1.0), barred=tuple(range(N))) is None


def test_a_session_is_never_out_of_tracks_before_that(model: SessionModel) -> None:
    barred: tuple[int, ...] = ()
    for _ in range(N - 3):
        barred += (track(choose(model, 3, (2, 1.0), barred=barred)),)
    assert set(barred) == set(range(N - 2)) - {2}


def test_requests_at_the_same_time_get_different_tracks(model: SessionModel) -> None:
    offers = [track(choose(model, 3, (2, 1.0), ahead=ahead)) for ahead in range(10)]
    assert offers == [0, 4, 6, 8, 10, 12, 14, 16, 18, 20]


def test_an_artist_already_played_counts_for_less(tables: Tables) -> None:
    artists = NOBODY.copy()
    artists[[0, 2]] = 0
    assert track(choose(SessionModel(tables, artists, ""), 3, (2, 1.0))) == 4
    patient = replace(tables, artist_discount=1.0)
    assert track(choose(SessionModel(patient, artists, ""), 3, (2, 1.0))) == 0


def test_the_history_and_the_session_can_be_left_out(tables: Tables) -> None:
    deaf = SessionModel(replace(tables, use_session=False), NOBODY, "")
    assert track(choose(deaf, 3, (2, 1.0))) == track(choose(deaf, 3, (6, 1.0))) == 0
    assert choose(deaf, STRANGER, (2, 1.0)) is None
    fresh = SessionModel(replace(tables, use_history=False), NOBODY, "")
    assert track(choose(fresh, 3, (3, 1.0))) == 1


def test_a_session_of_500_plays_is_heard(model: SessionModel) -> None:
    plays = [(2, 1.0), *((30 + i % 8, 0.0) for i in range(400)), *((6, 1.0) for _ in range(99))]
    assert track(choose(model, 3, *plays)) == 0
    scores = [
        model.scores(3, *(np.array(x, dtype=t) for x, t in zip(zip(*some, strict=True), (
            np.int32, np.float32), strict=True)))
        for some in (plays, [plays[0], *plays[-99:]])
    ]  # fmt: skip
    np.testing.assert_array_equal(*scores)


def test_without_exploration_the_choice_is_certain(model: SessionModel) -> None:
    assert choose(model, 3, (2, 1.0)) == Choice(0, 0, 1.0)


def test_exploration_draws_as_its_propensities_say(model: SessionModel) -> None:
    rng = np.random.default_rng(5)
    explore = Exploration(share=0.5, temperature=2.0)
    said: dict[int, float] = {}
    counts: Counter[int] = Counter()
    n = 20_000
    for draws in rng.random((n, 2)).tolist():
        choice = choose(model, 3, (2, 1.0), explore=explore, draws=(draws[0], draws[1]))
        assert choice is not None
        counts[choice.track] += 1
        assert said.setdefault(choice.track, choice.propensity) == choice.propensity
    assert sum(said.values()) == pytest.approx(1, abs=1e-3)
    assert said[0] > 0.5 > said[4] > said[1] > 0
    for some, chance in said.items():
        spread = (chance * (1 - chance) / n) ** 0.5
        assert abs(counts[some] / n - chance) < 5 * spread + 1e-4
