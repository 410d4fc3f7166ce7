"""A trained model as a directory, and the options in a file."""

from pathlib import Path

import numpy as np
import pytest
import torch

from offline.artefact import load_artefact, save_artefact
from offline.errors import InputError
from offline.options import TrainOptions, load_options
from offline.training import fit, top_lists

from .camps import OPTIONS, options, same, two_camps

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


def test_a_model_of_no_numbers_is_refused(tmp_path: Path) -> None:
    trained = fit(MATRIX, options(epochs=1))
    with torch.no_grad():
        trained.model.last.weight[3, 3] = torch.nan
    save_artefact(tmp_path / "model", trained, OPTIONS, "abc")
    with pytest.raises(InputError, match="no numbers"):
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
