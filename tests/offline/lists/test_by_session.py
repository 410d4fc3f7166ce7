"""Lists for sessions out of a model, and through the command."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from offline.data.matrix import InteractionMatrix
from offline.data.session_stats import SessionStats
from offline.errors import InputError
from offline.lists.by_session import by_session
from offline.lists.maker import ListMaker
from offline.models.base import Recommender
from offline.models.dae.recommender import DAERecommender
from offline.models.inputs import training_set
from offline.models.registry import make_model

from ..camps import N_TRACKS, OPTIONS, two_camps
from ..programs import offline_in

CAMP = N_TRACKS // 2
FIRST, SECOND = [0, 1, 2, 3, 4], [CAMP, CAMP + 1, CAMP + 2]
LIKES = [FIRST + SECOND, FIRST + SECOND, [7], [CAMP + 5]]
STARTS = [{0: 2, CAMP: 3}, {0: 3, CAMP: 2}, {}, {CAMP + 5: 1}]
"""Of users 0 to 3: the first two like both camps, the others have one like."""


@pytest.fixture(scope="module")
def model() -> Recommender:
    return fitted(two_camps())


def fitted(likes: sparse.csr_matrix) -> Recommender:
    return DAERecommender(**OPTIONS.model_dump()).fit(training_set(likes))


def matrix(rows: list[dict[int, int]]) -> sparse.csr_matrix:
    dense = np.zeros((len(rows), N_TRACKS), dtype=np.int64)
    for row, entries in enumerate(rows):
        for track, count in entries.items():
            dense[row, track] = count
    return sparse.csr_matrix(dense)


def made(
    model: Recommender,
    likes: list[list[int]] = LIKES,
    starts: list[dict[int, int]] = STARTS,
    discount: float = 1.0,
    artists: np.ndarray | None = None,
    length: int = 30,
    unseen: bool = False,
) -> ListMaker:
    histories = InteractionMatrix.of(matrix([dict.fromkeys(tracks, 1) for tracks in likes]))
    stats = SessionStats(matrix(starts), 5.0, discount, 0)
    tracks = np.arange(N_TRACKS)
    artists = tracks if artists is None else artists
    return by_session(model, histories, stats, artists, length, unseen)


def camps(tracks: np.ndarray) -> list[int]:
    return (tracks // CAMP).tolist()


def test_a_list_begins_in_the_camp_where_more_sessions_begin(model: Recommender) -> None:
    lists = made(model).of(np.arange(4)).ids
    assert lists.shape == (4, 30)
    assert camps(lists[0, :12]) == [1] * 12
    assert camps(lists[1, :12]) == [0] * 12
    assert set(camps(lists[0])) == {0, 1}
    for found in lists:
        assert len(set(found.tolist())) == 30


def test_one_like_is_enough(model: Recommender) -> None:
    lists = made(model).of(np.array([2, 3])).ids
    assert camps(lists[0, :10]) == [0] * 10
    assert camps(lists[1, :10]) == [1] * 10


def test_artists_are_spread(model: Recommender) -> None:
    """Two artists, of even and odd tracks: listeners who tire soon get both in every pair."""
    artists = np.arange(N_TRACKS) % 2
    tired = made(model, discount=0.01, artists=artists).of(np.array([1])).ids[0, :10] % 2
    assert (tired[::2] != tired[1::2]).all()
    never = made(model, artists=artists).of(np.array([1])).ids[0, :10] % 2
    assert (never[::2] == never[1::2]).any()


def test_a_list_does_not_depend_on_the_others_of_its_block(model: Recommender) -> None:
    rng = np.random.default_rng(8)
    likes = [
        np.sort(rng.choice(N_TRACKS, size=rng.integers(1, 9), replace=False)).tolist()
        for _ in range(400)  # more tastes than are encoded at a time
    ]
    starts = [{int(rng.choice(tracks)): 1 + row % 3} for row, tracks in enumerate(likes)]
    lists = made(model, likes, starts)
    rows = np.arange(400)
    whole = lists.of(rows).ids
    assert (whole == lists.of(rows).ids).all()
    assert (whole[::-1] == lists.of(rows[::-1]).ids).all()
    assert (
        whole == np.concatenate([lists.of(rows[at : at + 7]).ids for at in range(0, 400, 7)])
    ).all()


def test_tracks_that_the_model_does_not_know_are_passed_over() -> None:
    known = two_camps()[:, : N_TRACKS - 2]
    padded = sparse.hstack([known, sparse.csr_matrix((known.shape[0], 2))]).tocsr()
    model = fitted(padded.astype(np.float32))
    strange = N_TRACKS - 1
    starts = [{0: 1, strange: 9}, {strange: 4}]
    lists = made(model, [[0, 1, 2, strange], [strange]], starts, length=N_TRACKS)
    found = lists.of(np.arange(2)).ids
    assert camps(found[0, :10]) == [0] * 10
    # All that is known, once, also for a user of whom nothing is.
    for row in found.tolist():
        assert sorted(row) == [-1, -1, *range(N_TRACKS - 2)]


def test_what_users_liked_is_left_out_where_that_is_wanted(model: Recommender) -> None:
    likes = [FIRST + SECOND, FIRST + SECOND, [7], list(range(N_TRACKS))]
    lists = made(model, likes, length=N_TRACKS, unseen=True).of(np.arange(4)).ids
    for listed, liked in zip(lists.tolist(), likes, strict=True):
        assert sorted(set(listed) - {-1}) == sorted(set(range(N_TRACKS)) - set(liked))
    assert camps(lists[0, :8]) == [1] * 8  # where more of the user's sessions begin


@pytest.mark.parametrize("name", ["als", "bpr", "pure-svd"])
def test_any_model_with_vectors_makes_lists_for_sessions(name: str) -> None:
    other = make_model(name, {"factors": 4}, seed=1).fit(two_camps())
    lists = made(other).of(np.arange(4)).ids
    assert camps(lists[:, :8]) == [[1] * 8, [0] * 8, [0] * 8, [1] * 8]
    expected = made(other).of(np.array([3, 1])).ids
    np.testing.assert_array_equal(lists[[3, 1]], expected)


def test_a_model_without_vectors_makes_none() -> None:
    with pytest.raises(InputError, match=r"ease has no vectors of tracks, .* --lists score"):
        made(make_model("ease").fit(two_camps()))


def test_the_recipe_names_all_that_decides(model: Recommender) -> None:
    others = {
        made(model).recipe,
        made(model, discount=0.9).recipe,
        made(model, artists=np.zeros(N_TRACKS, dtype=np.int64)).recipe,
        made(model, unseen=True).recipe,
    }
    assert len(others) == 4
    assert made(model).recipe == made(model).recipe


@pytest.fixture
def offline(tmp_path: Path) -> Callable[..., str]:
    """Runs the command in a place with a log of listeners who tire of artists, and a model."""
    run = offline_in(tmp_path)
    rng = np.random.default_rng(1)
    lines = []
    for number in range(120):
        user = number % 30
        tracks = (CAMP * (user % 2) + rng.choice(CAMP, size=8, replace=False)).tolist()
        for step, track in enumerate(tracks):
            tired = 0.8 ** sum(other % 4 == track % 4 for other in tracks[:step])
            lines.append(
                {
                    "message": "last" if step == 7 else "next",
                    "timestamp": 1_000 * number + step,
                    "user": user,
                    "track": track,
                    "time": 1.0 if step == 0 else round(0.95 * tired, 4),
                    "latency": 0.001,
                    "recommendation": None if step == 7 else 0,
                    "experiments": {},
                }
            )
    (tmp_path / "log").mkdir()
    (tmp_path / "log/data.json").write_text("".join(json.dumps(x) + "\n" for x in lines))
    catalog = [{"track": t, "artist": f"a{t % 4}", "title": f"t{t}"} for t in range(N_TRACKS)]
    (tmp_path / "tracks.json").write_text("".join(json.dumps(x) + "\n" for x in catalog))
    (tmp_path / "train.yml").write_text(
        "hidden: [16]\nlearning_rate: 0.02\nepochs: 20\nbatch_size: 5\n"
    )
    run("collect", "@log", "--out", "@pairs", "--threshold", "0.5")
    run(
        *("train", "@pairs", "--catalog", "@tracks.json", "--out", "@model"),
        *("--config", "@train.yml"),
    )
    return run


def lists_in(directory: Path) -> dict[int, list[int]]:
    lines = (directory / "recommendations.json").read_text().splitlines()
    return {line["user"]: line["tracks"] for line in map(json.loads, lines)}


def test_export_makes_lists_for_sessions_where_there_are_plays(
    tmp_path: Path, offline: Callable[..., str]
) -> None:
    words = ("export", "@model", "@pairs", "--length", "20", "--catalog", "@tracks.json")
    said = offline(*words, "--out", "@lists")
    assert "repeat-artist discount 0.80" in said
    offline(*words, "--out", "@again", "--lists", "sessions", "--block", "7")
    offline(*words, "--out", "@scores", "--lists", "score")
    found, scores = lists_in(tmp_path / "lists"), lists_in(tmp_path / "scores")
    assert found == lists_in(tmp_path / "again")
    assert found != scores
    for user, tracks in found.items():
        assert camps(np.array(tracks[:8])) == [user % 2] * 8
        artists = np.array(tracks[:8]) % 4
        assert len(set(artists.tolist())) == 4


def test_export_without_a_catalog_does_not_spread_artists(
    tmp_path: Path, offline: Callable[..., str]
) -> None:
    said = offline("export", "@model", "@pairs", "--length", "20", "--out", "@lists")
    assert "repeat-artist discount 1.00" in said


def test_interactions_without_plays_get_lists_by_score(
    tmp_path: Path, offline: Callable[..., str]
) -> None:
    words = ("export", "@model", "@pairs", "--length", "20")
    offline(*words, "--out", "@scores", "--lists", "score")
    (tmp_path / "pairs/plays.parquet").unlink()
    offline(*words, "--out", "@lists")
    assert lists_in(tmp_path / "lists") == lists_in(tmp_path / "scores")
    said = offline(*words, "--out", "@more", "--lists", "sessions", fails=True)
    assert "lists by session need the plays" in said
    assert said.count("\n") == 1


def test_another_catalog_is_refused(tmp_path: Path, offline: Callable[..., str]) -> None:
    catalog = tmp_path / "tracks.json"
    catalog.write_text("".join(catalog.read_text().splitlines(keepends=True)[:-1]))
    words = ("export", "@model", "@pairs", "--out", "@lists", "--catalog", "@tracks.json")
    said = offline(*words, fails=True)
    assert "has 39 tracks, but the model's catalog has 40" in said
    assert not (tmp_path / "lists").exists()
