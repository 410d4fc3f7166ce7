"""Models by name: ours and those of other packages, through the same door."""

import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from offline.errors import InputError
from offline.models.registry import GROUP, installed, load_model, make_model, model_class
from offline.testing import scattered

REPO = Path(__file__).parents[3]
POPULAR = "offline.models.popular:Popular"


def point(name: str, value: str, package: str = "other") -> Any:
    """An entry point as an installed package has it."""
    made = EntryPoint(name, value, GROUP)
    vars(made)["dist"] = SimpleNamespace(name=package)
    return made


def test_the_models_of_the_project_are_entry_points() -> None:
    project = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
    ours = project["entry-points"][GROUP]
    found = {name: claims[0].value for name, claims in installed().items()}
    assert found.items() >= ours.items(), "install the project again"
    for name in ours:
        assert model_class(name).name == name


def test_an_entry_point_that_is_listed_twice_is_one() -> None:
    found = installed([point("popular", POPULAR), point("popular", POPULAR, "again")])
    assert len(found["popular"]) == 1
    assert model_class("popular", found).name == "popular"


def test_two_packages_with_one_name_are_named() -> None:
    others = installed([point("popular", POPULAR, "one"), point("popular", "x:Y", "two")])
    with pytest.raises(InputError, match=r"popular: of one \(offline.*\) and two \(x:Y\)"):
        model_class("popular", others)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("no_such_module:Model", "cannot be imported: ModuleNotFoundError: No module named"),
        ("offline.models.popular:Nothing", "cannot be imported: AttributeError"),
        ("offline.errors:InputError", "is no subclass of offline.models.base.Recommender"),
        ("offline.models.pure_svd:PureSVD", "calls itself 'pure-svd'"),
    ],
)
def test_a_plug_in_that_is_broken_is_named_and_harms_no_other(value: str, reason: str) -> None:
    found = installed([point("mine", value, "my-package"), point("popular", POPULAR)])
    with pytest.raises(InputError, match=rf"model mine of the package my-package .*{reason}"):
        model_class("mine", found)
    assert model_class("popular", found).name == "popular"


def test_an_unknown_model_is_told_the_nearest() -> None:
    with pytest.raises(InputError, match=r"no model 'esae': do you mean ease\? there are als, "):
        make_model("esae")
    with pytest.raises(InputError, match="no models are installed"):
        model_class("ease", {})


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [
        ("als", {"factor": 3}, r"als: unknown key factor: do you mean factors\? there are "),
        ("als", {"factors": 0}, r"als: factors: Input should be greater than 0"),
        ("als", {"alpha": float("nan")}, r"als: alpha: "),
        ("dae", {"sessions": {"dimension": 3}}, r"key sessions.dimension: .*mean dimensions\?"),
        ("popular", {"factors": 3}, r"popular: unknown key factors: there are none"),
    ],
)
def test_unknown_options_and_bad_values_are_named(
    name: str, options: dict[str, Any], reason: str
) -> None:
    with pytest.raises(InputError, match=reason):
        make_model(name, options)


def test_a_model_directory_says_what_it_is(tmp_path: Path) -> None:
    made = make_model("pure-svd", {"factors": 3}, seed=5).fit(scattered())
    made.save(tmp_path / "model")
    found = load_model(tmp_path / "model")
    assert type(found) is type(made)
    assert found.config.model_dump() == {"factors": 3, "seed": 5}
    users = np.arange(30)
    assert (found.recommend(users, 9).ids == made.recommend(users, 9).ids).all()
    with pytest.raises(InputError, match="a model 'pure-svd', not 'als'"):
        model_class("als").load(tmp_path / "model")


def test_no_model_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no model there: make one with"):
        load_model(tmp_path)
    (tmp_path / "artefact.json").write_text("[]")
    with pytest.raises(InputError, match="the model cannot be read"):
        load_model(tmp_path)
