"""Models by name: ours and those of other packages, through the same door."""

import tomllib
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contract.plugins import Plugins
from offline.errors import InputError
from offline.models.check import scattered
from offline.models.registry import GROUP, MODELS, _fault, load_model, make_model, model_class

REPO = Path(__file__).parents[3]


def offered(tmp_path: Path, **models: str) -> Plugins:
    """What an installation of `my-package` offers, and ours."""
    info = tmp_path / "my_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: my-package\nVersion: 1.0\n")
    lines = [f"[{GROUP}]", *(f"{name} = {value}" for name, value in models.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return Plugins(GROUP, "model", _fault, lambda: distributions(path=[str(tmp_path)]))


def test_the_models_of_the_project_are_entry_points() -> None:
    project = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
    ours = project["entry-points"][GROUP]
    assert set(ours) <= set(MODELS.names), "install the project again"
    for name in ours:
        assert model_class(name).name == name


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("no_such_module:Model", "cannot be imported: ModuleNotFoundError: No module named"),
        ("offline.models.popular:Nothing", "cannot be imported: AttributeError"),
        ("offline.errors:InputError", "is no subclass of offline.models.base.Recommender"),
        ("offline.models.base:Recommender", "it has no name"),
    ],
)
def test_a_plug_in_that_is_broken_is_named_and_harms_no_other(
    value: str, reason: str, tmp_path: Path
) -> None:
    models = offered(tmp_path, mine=value, popular="offline.models.popular:Popular")
    with pytest.raises(InputError, match=rf"model 'mine' of my-package 1.0 .*{reason}"):
        model_class("mine", models)
    assert model_class("popular", models).name == "popular"


def test_a_model_by_another_name_than_its_own_is_refused(tmp_path: Path) -> None:
    models = offered(tmp_path, mine="offline.models.popular:Popular")
    with pytest.raises(InputError, match="'mine' calls itself 'popular'"):
        model_class("mine", models)


def test_an_unknown_model_is_told_the_nearest() -> None:
    with pytest.raises(InputError, match=r"no model 'esae'; did you mean 'ease'\? there are: als"):
        make_model("esae")


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [
        ("als", {"factor": 3}, r"als: unknown key factor: do you mean factors\? there are "),
        ("als", {"factors": 0}, r"als: factors: Input should be greater than 0"),
        ("als", {"alpha": float("nan")}, r"als: alpha: "),
        ("dae", {"sessions": {"dimension": 3}}, r"key sessions.dimension: .*mean dimensions\?"),
        ("popular", {"factors": 3}, r"popular: unknown key factors: there are window_days, "),
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
