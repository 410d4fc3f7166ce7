"""A trained autoencoder as a directory, and the options in a file."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from offline.data.training_set import TrainingSet
from offline.errors import InputError
from offline.models.dae.recommender import DAERecommender
from offline.models.dae.training import fit, top_lists
from offline.models.inputs import training_set
from offline.models.registry import load_model
from offline.options import TrainOptions, load_model_options, load_options, settings

from .camps import OPTIONS, options, resealed, same, two_camps

MATRIX = two_camps()
DATA = training_set(MATRIX)


def saved(directory: Path, data: TrainingSet = DATA, **changed: object) -> DAERecommender:
    """A model after one epoch, written there."""
    chosen = options(epochs=1, **changed)
    model = DAERecommender.of(fit(MATRIX, chosen), chosen, data)
    model.save(directory)
    return model


def loaded(directory: Path) -> DAERecommender:
    model = load_model(directory)
    assert isinstance(model, DAERecommender)
    return model


def test_a_model_survives_its_directory(tmp_path: Path) -> None:
    trained = fit(MATRIX, OPTIONS)
    DAERecommender.of(trained, OPTIONS, DATA).save(tmp_path / "model")
    back = loaded(tmp_path / "model")
    assert back.data.fingerprint == DATA.fingerprint
    assert back.config.model_dump() == OPTIONS.model_dump()
    assert same(trained.model, back.network)
    ours = top_lists(trained.model, MATRIX, 5, exclude_input=False)
    np.testing.assert_array_equal(ours, top_lists(back.network, MATRIX, 5, exclude_input=False))
    found = back.recommend(np.arange(len(ours)), 5, exclude_seen=False)
    np.testing.assert_array_equal(ours, found.ids)
    assert (tmp_path / "model/training.png").stat().st_size > 1000


def test_a_model_is_of_the_interactions_that_it_learned_from(tmp_path: Path) -> None:
    model = saved(tmp_path / "model")
    model.check_trained_on(DATA.fingerprint)
    with pytest.raises(InputError, match="trained on other interactions"):
        loaded(tmp_path / "model").check_trained_on("abd")


FILES = [
    "artefact.json",
    "histories.indices.npy",
    "items.parquet",
    "model.safetensors",
    "users.parquet",
]


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_model_is_refused(name: str, tmp_path: Path) -> None:
    saved(tmp_path / "model")
    content = (tmp_path / "model" / name).read_bytes()
    (tmp_path / "model" / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="cannot be read"):
        load_model(tmp_path / "model")


@pytest.mark.parametrize("name", [*FILES, "sessions.safetensors"])
def test_a_flipped_bit_anywhere_is_noticed_with_the_file_s_name(name: str, tmp_path: Path) -> None:
    directory = tmp_path / "model"
    saved(directory)
    (directory / "sessions.safetensors").write_bytes(b"numbers")
    about = json.loads((directory / "artefact.json").read_text())
    resealed(directory, files=about["files"] | {"sessions.safetensors": ""})
    load_model(directory)
    path = directory / name
    content = path.read_bytes()
    for place in range(0, len(content), max(1, len(content) // 60)):
        for bit in (0, 3, 5):
            flipped = bytearray(content)
            flipped[place] ^= 1 << bit
            path.write_bytes(flipped)
            with pytest.raises(InputError, match=rf"the model cannot be read \({name}\b"):
                load_model(directory)


def test_weights_of_another_model_are_noticed(tmp_path: Path) -> None:
    for seed in (1, 2):
        saved(tmp_path / str(seed), seed=seed)
    (tmp_path / "2/model.safetensors").replace(tmp_path / "1/model.safetensors")
    with pytest.raises(InputError, match=r"model\.safetensors is damaged"):
        load_model(tmp_path / "1")


@pytest.mark.parametrize("text", ["[1]", "[" * 100_000, "\xff", '{"files": 3}', ""])
def test_whatever_artefact_json_holds_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "artefact.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=r"the model cannot be read .*: train again"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"version": 99}, "version 99 of dae, but this program reads version 1: train again"),
        ({"model": "no-such"}, "no model 'no-such'"),
        ({"items": 39}, "40 items, but histories of 39"),
    ],
)
def test_a_model_that_this_program_cannot_read_is_named(
    changed: dict[str, object], reason: str, tmp_path: Path
) -> None:
    saved(tmp_path / "model")
    resealed(tmp_path / "model", **changed)
    with pytest.raises(InputError, match=reason):
        load_model(tmp_path / "model")


def test_a_pipe_in_a_model_is_not_waited_for(tmp_path: Path) -> None:
    saved(tmp_path / "model")
    (tmp_path / "model/model.safetensors").unlink()
    os.mkfifo(tmp_path / "model/model.safetensors")
    with pytest.raises(InputError, match=r"there is no file model\.safetensors"):
        load_model(tmp_path / "model")


def test_a_model_of_no_numbers_is_refused(tmp_path: Path) -> None:
    trained = fit(MATRIX, options(epochs=1))
    with torch.no_grad():
        trained.model.last.weight[3, 3] = torch.nan
    DAERecommender.of(trained, OPTIONS, DATA).save(tmp_path / "model")
    with pytest.raises(InputError, match="NaN or infinite"):
        load_model(tmp_path / "model")


def test_no_model_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="botify-offline train"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hiden: [3]", "hiden"),
        ("dropout: 1.5", "dropout"),
        ("hidden: []", "hidden"),
        ("epochs: 0", "epochs"),
        ("learning_rate: .nan", "learning_rate"),
        ("learning_rate: 3", "learning_rate"),
        ("precision: float16", "precision"),
        ("checkpoint_seconds: -1", "checkpoint_seconds"),
        ("a: [", "not YAML"),
    ],
)
def test_bad_options_name_the_key(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "train.yml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        load_options(path)


def test_the_shipped_options_are_the_defaults() -> None:
    assert load_options(Path("config/train.yml")) == TrainOptions()


def test_a_file_names_a_model_with_its_options(tmp_path: Path) -> None:
    path = tmp_path / "train.yml"
    path.write_text("model: {type: als, factors: 64}")
    assert load_model_options(path) == ("als", {"factors": 64})
    path.write_text("model: ease")
    assert load_model_options(path) == ("ease", {})
    with pytest.raises(InputError, match="options of ease, not of dae"):
        load_options(path)
    path.write_text("epochs: 3")  # a file of the autoencoder alone, as they once were
    assert load_model_options(path) == ("dae", {"epochs": 3})
    for text in ("[1]", "model: 3", "model: {factors: 3}"):
        path.write_text(text)
        with pytest.raises(InputError, match="expected"):
            load_model_options(path)
    path.write_text("model: als\nfactors: 3")
    with pytest.raises(InputError, match="unknown key factors: the options of a model stand"):
        load_model_options(path)
    for text, key, meant in (
        ("modle: {type: als}", "modle", "model"),
        ("epoch: 3", "epoch", "epochs"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=f"unknown key {key}: do you mean {meant}\\?"):
            load_model_options(path)


def test_settings_are_values_by_name() -> None:
    found = settings(["factors=128", "hidden=[3, 4]", "sessions.epochs=2", "precision=float32"])
    expected = {"factors": 128, "hidden": [3, 4], "precision": "float32"}
    assert found == expected | {"sessions": {"epochs": 2}}
    for text in ("factors", "=3", "a=[", ""):
        with pytest.raises(InputError, match="--set"):
            settings([text])
    for one, other in (("a=1", "a=2"), ("a=1", "a.b=2"), ("a.b=1", "a=2")):
        with pytest.raises(InputError, match=f"--set {other}: {one[:-2]} is set already"):
            settings([one, other])
    assert settings(["ab=1", "a=2", "abc.d=3"]) == {"ab": 1, "a": 2, "abc": {"d": 3}}
