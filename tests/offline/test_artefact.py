"""A trained model as a directory, and the options in a file."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from offline.artefact import load_artefact, save_artefact
from offline.errors import InputError
from offline.models.dae.training import fit, top_lists
from offline.options import TrainOptions, load_options

from .camps import OPTIONS, options, resealed, same, two_camps

MATRIX = two_camps()


def test_a_model_survives_its_directory(tmp_path: Path) -> None:
    trained = fit(MATRIX, OPTIONS)
    save_artefact(tmp_path / "model", trained, OPTIONS, "abc")
    back = load_artefact(tmp_path / "model")
    assert (back.fingerprint, back.options) == ("abc", OPTIONS)
    assert same(trained.model, back.model)
    ours = top_lists(trained.model, MATRIX, 5, exclude_input=False)
    np.testing.assert_array_equal(ours, top_lists(back.model, MATRIX, 5, exclude_input=False))
    assert (tmp_path / "model/training.png").stat().st_size > 1000


def test_a_model_is_of_the_interactions_that_it_learned_from(tmp_path: Path) -> None:
    save_artefact(tmp_path / "model", fit(MATRIX, OPTIONS), OPTIONS, "abc")
    artefact = load_artefact(tmp_path / "model")
    artefact.check_trained_on("abc")
    with pytest.raises(InputError, match="trained on other interactions"):
        artefact.check_trained_on("abd")


@pytest.mark.parametrize("name", ["model.safetensors", "model.json"])
def test_a_damaged_model_is_refused(name: str, tmp_path: Path) -> None:
    save_artefact(tmp_path / "model", fit(MATRIX, options(epochs=1)), OPTIONS, "abc")
    content = (tmp_path / "model" / name).read_bytes()
    (tmp_path / "model" / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="cannot be read"):
        load_artefact(tmp_path / "model")


@pytest.mark.parametrize("name", ["model.safetensors", "model.json", "sessions.safetensors"])
def test_a_flipped_bit_anywhere_is_noticed_with_the_file_s_name(name: str, tmp_path: Path) -> None:
    directory = tmp_path / "model"
    save_artefact(directory, fit(MATRIX, options(epochs=1)), OPTIONS, "abc")
    (directory / "sessions.safetensors").write_bytes(b"numbers")
    about = json.loads((directory / "model.json").read_text())
    resealed(directory, files=about["files"] | {"sessions.safetensors": ""})
    load_artefact(directory)
    path = directory / name
    content = path.read_bytes()
    for place in range(0, len(content), max(1, len(content) // 60)):
        for bit in (0, 3, 5):
            flipped = bytearray(content)
            flipped[place] ^= 1 << bit
            path.write_bytes(flipped)
            with pytest.raises(InputError, match=rf"the model cannot be read \({name}\b"):
                load_artefact(directory)


def test_weights_of_another_model_are_noticed(tmp_path: Path) -> None:
    for seed in (1, 2):
        trained = fit(MATRIX, options(epochs=1, seed=seed))
        save_artefact(tmp_path / str(seed), trained, OPTIONS, "abc")
    (tmp_path / "2/model.safetensors").replace(tmp_path / "1/model.safetensors")
    with pytest.raises(InputError, match=r"model\.safetensors is damaged"):
        load_artefact(tmp_path / "1")


@pytest.mark.parametrize("text", ["[1]", "[" * 100_000, "\xff", '{"files": 3}', ""])
def test_whatever_model_json_holds_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "model.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=r"the model cannot be read .*: train again"):
        load_artefact(tmp_path)


def test_a_pipe_in_a_model_is_not_waited_for(tmp_path: Path) -> None:
    save_artefact(tmp_path / "model", fit(MATRIX, options(epochs=1)), OPTIONS, "abc")
    (tmp_path / "model/model.safetensors").unlink()
    os.mkfifo(tmp_path / "model/model.safetensors")
    with pytest.raises(InputError, match=r"there is no file model\.safetensors"):
        load_artefact(tmp_path / "model")


def test_a_model_of_no_numbers_is_refused(tmp_path: Path) -> None:
    trained = fit(MATRIX, options(epochs=1))
    with torch.no_grad():
        trained.model.last.weight[3, 3] = torch.nan
    save_artefact(tmp_path / "model", trained, OPTIONS, "abc")
    with pytest.raises(InputError, match="NaN or infinite"):
        load_artefact(tmp_path / "model")


def test_no_model_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="botify-offline train"):
        load_artefact(tmp_path)


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
