"""From a log to the files that the service serves, through the commands."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from offline.data.interactions import Interactions
from offline.data.training_set import TrainingSet
from offline.errors import InputError
from offline.lists.export import export_lists
from offline.models.dae.recommender import DAERecommender
from offline.models.dae.training import top_lists
from offline.models.registry import load_model

from ..camps import resealed
from ..programs import offline_in

N_TRACKS = 60


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """A log of 40 users in two camps, and user 99, who liked nothing; interactions and a model."""
    rng = np.random.default_rng(2)
    lines = []
    for user in [*range(40), 99]:
        tracks = 30 * (user % 2) + rng.choice(30, size=12, replace=False)
        for step, track in enumerate(tracks.tolist()):
            ends = step == len(tracks) - 1
            lines.append(
                {
                    "message": "last" if ends else "next",
                    "timestamp": 1_000 * user + step,
                    "user": user,
                    "track": track,
                    "time": 0.1 if user == 99 else 1.0,
                    "latency": 0.001,
                    "recommendation": None if ends else 0,
                    "experiments": {},
                }
            )
    (tmp_path / "log").mkdir()
    (tmp_path / "log/data.json").write_text("".join(json.dumps(x) + "\n" for x in lines))
    catalog = [{"track": t, "artist": f"a{t}", "title": f"t{t}"} for t in range(N_TRACKS)]
    (tmp_path / "tracks.json").write_text("".join(json.dumps(x) + "\n" for x in catalog))
    (tmp_path / "train.yml").write_text("hidden: [16]\nepochs: 5\nbatch_size: 10\n")
    return tmp_path


@pytest.fixture
def offline(workplace: Path) -> Callable[..., str]:
    return offline_in(workplace)


def learned(offline: Callable[..., str]) -> None:
    offline("collect", "@log", "--out", "@interactions")
    offline(
        *("train", "@interactions", "--catalog", "@tracks.json"),
        *("--out", "@model", "--config", "@train.yml"),
    )


def lines_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_lists_are_the_model_s_and_everybody_has_one(
    workplace: Path, offline: Callable[..., str]
) -> None:
    learned(offline)
    words = ("--out", "@lists", "--length", "20", "--lists", "score")
    said = offline("export", "@model", "@interactions", *words)
    assert "41 users (1 without likes get top tracks)" in said

    lists = {x["user"]: x["tracks"] for x in lines_of(workplace / "lists/recommendations.json")}
    data = Interactions.load(workplace / "interactions")
    trained = load_model(workplace / "model")
    assert isinstance(trained, DAERecommender)
    model = trained.network
    expected = top_lists(model, data.matrix(N_TRACKS), 20, exclude_input=False)
    assert sorted(lists) == [*range(40), 99]
    for row, user in enumerate(data.users):
        assert user == 99 or lists[user] == expected[row].tolist()

    top = json.loads((workplace / "lists/top_tracks.json").read_text())
    counts = np.bincount(data.item, minlength=N_TRACKS)
    assert top == sorted(np.flatnonzero(counts), key=lambda t: (-counts[t], t))
    assert lists[99] == top[:20]

    neighbours = lines_of(workplace / "lists/neighbours.json")
    for line in neighbours:
        camp = int(str(line["track"])) // 30
        near = line["recommendations"]
        assert isinstance(near, list)
        assert near
        assert {track // 30 for track in near} == {camp}


def test_every_size_of_block_gives_the_same_bytes(
    workplace: Path, offline: Callable[..., str]
) -> None:
    learned(offline)
    offline("export", "@model", "@interactions", "--out", "@one")
    offline("export", "@model", "@interactions", "--out", "@two", "--block", "7")
    assert not (workplace / "one.export").exists()
    for file in ("recommendations.json", "neighbours.json", "top_tracks.json"):
        one, two = (workplace / name / file for name in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()


def test_training_shows_loss_and_held_out_metrics(offline: Callable[..., str]) -> None:
    offline("collect", "@log", "--out", "@interactions")
    said = offline(
        *("train", "@interactions", "--catalog", "@tracks.json"),
        *("--out", "@model", "--config", "@train.yml"),
    )
    assert "epoch   1: loss" in said
    assert "held-out NDCG@50" in said
    assert "recall@50" in said
    assert "kept epoch" in said


def test_evaluation_is_of_what_training_held_out(
    workplace: Path, offline: Callable[..., str]
) -> None:
    learned(offline)
    popular, dae = map(
        json.loads, offline("evaluate", "@model", "@interactions", "--json").splitlines()
    )
    best = load_model(workplace / "model").metrics()["best"]
    assert dae["ndcg@50"] == pytest.approx(best["ndcg"])
    assert dae["recall@50"] == pytest.approx(best["recall"])
    assert popular["users"] == dae["users"] == 8


def test_other_interactions_than_the_model_s_are_refused(
    workplace: Path, offline: Callable[..., str]
) -> None:
    learned(offline)
    log = workplace / "log/data.json"
    log.write_text("".join(log.read_text().splitlines(keepends=True)[12:]))
    offline("collect", "@log", "--out", "@others")
    said = offline("export", "@model", "@others", "--out", "@lists", fails=True)
    assert "trained on other interactions" in said
    assert not (workplace / "lists").exists()


def test_a_list_longer_than_the_catalog_is_refused(
    workplace: Path, offline: Callable[..., str]
) -> None:
    learned(offline)
    out = ("--out", "@lists", "--length")
    said = offline("export", "@model", "@interactions", *out, "61", fails=True)
    assert said.startswith("Error: lists of 61 tracks from a catalog of 60: ask for shorter ones")
    assert "--length 30" in said
    offline("export", "@model", "@interactions", *out, "60")
    known = len(np.flatnonzero(load_model(workplace / "model").known_items))
    for line in lines_of(workplace / "lists/recommendations.json"):
        tracks = line["tracks"]
        assert isinstance(tracks, list)
        assert len(set(tracks)) == len(tracks) == known
        assert min(tracks) >= 0


def test_a_model_of_another_catalog_is_refused(
    workplace: Path, offline: Callable[..., str]
) -> None:
    learned(offline)
    training_set = TrainingSet.open(workplace / "interactions", 70)
    with pytest.raises(InputError, match=r"catalog has 60 tracks, but .* has 70: train again"):
        export_lists(load_model(workplace / "model"), training_set, workplace / "more")


def test_weights_that_are_no_numbers_are_refused(
    workplace: Path, offline: Callable[..., str]
) -> None:
    learned(offline)
    path = workplace / "model/model.safetensors"
    weights = load_file(path)
    weights["first"][0, 0] = torch.nan
    save_file(weights, path)
    resealed(workplace / "model")
    said = offline("export", "@model", "@interactions", "--out", "@lists", fails=True)
    assert "NaN or infinite" in said
    assert said.count("\n") == 1
    assert not (workplace / "lists").exists()


def test_a_directory_with_other_files_is_left_alone(
    workplace: Path, offline: Callable[..., str]
) -> None:
    learned(offline)
    for name in ("lists", "more.export"):
        (workplace / name).mkdir()
        (workplace / name / "mine.txt").write_text("mine")
        out = name.removesuffix(".export")
        said = offline("export", "@model", "@interactions", "--out", f"@{out}", fails=True)
        assert f"{name} holds other files" in said
        assert [path.name for path in (workplace / name).iterdir()] == ["mine.txt"]


def test_a_catalog_too_small_for_the_log_is_refused(
    workplace: Path, offline: Callable[..., str]
) -> None:
    offline("collect", "@log", "--out", "@interactions")
    catalog = workplace / "tracks.json"
    catalog.write_text("".join(catalog.read_text().splitlines(keepends=True)[:10]))
    said = offline(
        "train", "@interactions", "--catalog", "@tracks.json", "--out", "@model", fails=True
    )
    assert "not in the catalog" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("name", ["interactions.json", "interactions.parquet", "users.parquet"])
def test_damaged_interactions_are_named(
    name: str, workplace: Path, offline: Callable[..., str]
) -> None:
    learned(offline)
    (workplace / "interactions" / name).write_bytes(b"{")
    for words in (("evaluate", "@model"), ("export", "@model")):
        more = ("--out", "@lists") if words[0] == "export" else ()
        said = offline(*words, "@interactions", *more, fails=True)
        assert name in said
        assert "collect again" in said


def test_evaluation_on_other_interactions_is_refused(offline: Callable[..., str]) -> None:
    learned(offline)
    offline("collect", "@log", "--out", "@stricter", "--threshold", "0.05")
    said = offline("evaluate", "@model", "@stricter", fails=True)
    assert "trained on other interactions" in said
