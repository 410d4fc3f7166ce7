"""The session model: its parts by hand, and what it learns where that is known."""

from pathlib import Path

import duckdb
import numpy as np
import pytest
import torch

from offline.data.plays import SessionPlays
from offline.errors import InputError
from offline.options import SessionOptions
from offline.session_model.listening_model import fit_listening, logit_bounds
from offline.session_model.taste_table import TasteTable
from offline.session_model.validation import listening_share, next_liked

ARTISTS = np.array([0, 0, 1, 1, 2])


def write_plays(directory: Path, *rows: tuple[int, int, int, int, float]) -> Path:
    """(user, session, position, track, time)."""
    values = ", ".join(map(str, rows))
    duckdb.connect().execute(
        f"""COPY (SELECT * FROM (VALUES {values}) AS t("user", session, position, track, time))
        TO '{directory / "plays.parquet"}'"""
    )
    return directory


def test_plays_are_read_with_their_starts_and_encores(tmp_path: Path) -> None:
    write_plays(
        tmp_path,
        (5, 0, 0, 1, 1.0),
        (5, 0, 1, 0, 0.5),
        (5, 0, 2, 1, 0.0),  # again: passed over
        (5, 0, 3, 4, 0.25),
        (5, 1, 0, 3, 1.0),
        (7, 0, 0, 2, 1.0),  # a user whom nobody asked for
        (9, 0, 0, 2, 1.0),
        (9, 0, 1, 3, 0.75),
    )
    plays = SessionPlays.read(tmp_path, np.array([5, 9]), ARTISTS)
    assert plays.users.tolist() == [0, 0, 0, 0, 1, 1]
    assert plays.sessions.tolist() == [0, 0, 0, 1, 2, 2]
    assert plays.positions.tolist() == [0, 1, 3, 0, 0, 1]
    assert plays.starts.tolist() == [1, 1, 1, 3, 2, 2]
    assert plays.tracks.tolist() == [1, 0, 4, 3, 2, 3]
    assert plays.times.tolist() == [1.0, 0.5, 0.25, 1.0, 1.0, 0.75]
    assert plays.prior_artist_plays.tolist() == [0, 1, 0, 0, 0, 1]
    assert plays.n_sessions == 3


def test_a_track_of_another_catalog_is_named(tmp_path: Path) -> None:
    write_plays(tmp_path, (5, 0, 0, 17, 1.0))
    with pytest.raises(InputError, match=r"track 17 is not in the catalog \(0 to 4\)"):
        SessionPlays.read(tmp_path, np.array([5]), ARTISTS)


def test_without_plays_there_is_advice(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs the plays that `botify-offline collect` writes"):
        SessionPlays.read(tmp_path, np.array([5]), ARTISTS)
    (tmp_path / "plays.parquet").write_text("something else")
    with pytest.raises(InputError, match="damaged"):
        SessionPlays.read(tmp_path, np.array([5]), ARTISTS)


def test_the_taste_of_a_track_is_that_of_its_user() -> None:
    table = TasteTable(
        np.array([0, 2, 2, 3]),
        np.ones(3, np.float32),
        np.array([0, 2, 3, 5]),
        np.array([1, 4, 2, 1, 2], np.int32),
    )
    users = np.array([0, 0, 0, 1, 2, 2, 0])
    places = np.array([4, 2, 3, 1, 1, 4, -1])
    assert table.of(users, places).tolist() == [0, 1, -1, -1, 2, -1, -1]


def test_shares_are_told_as_intervals_of_logits() -> None:
    low, high = logit_bounds(np.array([0.5, 0.0, 1.0, 0.4], np.float32), np.array([1, 1, 1, 0.8]))
    # 0.4 of what is heard 20 % less stands for 0.5.
    assert low[0] < 0 < high[0]
    assert high[0] == pytest.approx(np.log(0.505 / 0.495), rel=1e-4)
    assert low[3] == pytest.approx(np.log(0.49375 / 0.50625), rel=1e-3)
    assert low[1] < -1e8
    assert high[1] == pytest.approx(np.log(0.005 / 0.995), rel=1e-4)
    assert low[2] == pytest.approx(np.log(0.995 / 0.005), rel=1e-4)
    assert high[2] > 1e8


def test_listening_learns_who_hears_what() -> None:
    """Shares made by the model's own formula from known numbers come out again."""
    rng = np.random.default_rng(3)
    n_tastes, n_tracks, n = 12, 30, 12_000
    truth_q, truth_v = rng.normal(size=(n_tastes, 2)), rng.normal(size=(n_tracks, 2))
    scale, bias = np.array([1.0, 2.0]), np.array([-1.0, 0.5])
    tastes, tracks = rng.integers(n_tastes, size=n), rng.integers(n_tracks, size=n)
    users = tastes % 2

    def shares(c: np.ndarray, t: np.ndarray) -> np.ndarray:
        z = scale[c % 2] * (truth_q[c] * truth_v[t]).sum(1) + bias[c % 2]
        return np.round(1 / (1 + np.exp(-z)), 2).astype(np.float32)

    heard = shares(tastes, tracks)
    first = (
        rng.normal(0, 0.1, (n_tastes, 4)).astype(np.float32),
        rng.normal(0, 0.1, (n_tracks, 4)).astype(np.float32),
    )
    losses: list[float] = []
    options = SessionOptions(epochs=30, dimensions=4)

    def fit() -> np.ndarray:
        losses.clear()
        bounds = logit_bounds(heard, np.ones(n))
        found = fit_listening(
            users, tastes, tracks, bounds, 2, first, options, lambda i, loss: losses.append(loss)
        )
        c, t = (x.ravel() for x in np.meshgrid(np.arange(n_tastes), np.arange(n_tracks)))
        x = (found.tastes[c] * found.tracks[t]).sum(1) + found.track_bias[t]
        z = found.user_scale[c % 2] * x + found.user_bias[c % 2]
        return 1 / (1 + np.exp(-z)) - shares(c, t)

    error = fit()
    assert len(losses) == 30
    assert losses[-1] < losses[0] / 50
    assert np.abs(error).mean() < 0.02
    np.testing.assert_array_equal(fit(), error)  # a seed, one result


class _Fixed:
    """Scores all sessions alike: track 0 best, then 1, ..."""

    def scores(self, rows: np.ndarray, places: np.ndarray, times: np.ndarray) -> torch.Tensor:
        self.asked = (rows, places, times)
        return -torch.arange(100.0).repeat(len(rows), 1)


def test_likes_are_ranked_among_what_was_not_played_yet() -> None:
    tracks = np.array([1, 0, 3, 60, 99])
    plays = SessionPlays(
        users=np.zeros(5, np.int64),
        sessions=np.zeros(5, np.int64),
        positions=np.arange(5),
        starts=np.ones(5, np.int64),
        tracks=tracks,
        times=np.array([1.0, 0.2, 0.9, 0.81, 0.5], np.float32),
        prior_artist_plays=np.zeros(5, np.int64),
    )
    index_of = np.arange(100)
    model = _Fixed()
    found = next_liked(model, plays, index_of)  # type: ignore[arg-type]
    # Liked are 3, second after 0 and 1 were played, and 60, beyond the best 50.
    assert found.likes == 2
    assert found.recall == 0.5
    assert found.ndcg == pytest.approx((1 / np.log2(3)) / 2)
    _, places, times = model.asked
    # By the threshold of the interactions, where they say it.
    assert next_liked(model, plays, index_of, 0.4).likes == 3  # type: ignore[arg-type]
    assert places.tolist() == [[1, 0, -1], [1, 0, 3]]
    assert times[1].tolist() == pytest.approx([1.0, 0.2, 0.9])


class _Opposed:
    """The autoencoder takes low tracks for the best, the listening model high ones."""

    def both(
        self, rows: np.ndarray, places: np.ndarray, times: np.ndarray
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        rising = (torch.arange(100.0) - 49.5).repeat(len(rows), 1) / 29
        return -rising, rising.clone(), torch.ones(len(rows), dtype=torch.bool)


@pytest.mark.parametrize(("best", "share"), [(0, 0.25), (99, 0.75)])
def test_the_score_that_foresees_what_is_heard_gets_more_of_the_weight(
    best: int, share: float
) -> None:
    n = 200
    tracks = np.tile([50, best], n)
    plays = SessionPlays(
        users=np.zeros(2 * n, np.int64),
        sessions=np.repeat(np.arange(n), 2),
        positions=np.tile([0, 1], n),
        starts=np.full(2 * n, 50),
        tracks=tracks,
        times=np.tile(np.array([1.0, 0.7], np.float32), n),
        prior_artist_plays=np.zeros(2 * n, np.int64),
    )
    model = _Opposed()
    index_of = np.arange(100)
    assert listening_share(model, plays, index_of) == share  # type: ignore[arg-type]
    few = plays.where(plays.sessions < 20)
    assert listening_share(model, few, index_of) == 0.5  # type: ignore[arg-type]
