"""Whatever can be set, measured or read has its place in the reference, with its default."""

import re
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from botify.config import RECOMMENDERS, Config, EventsConfig, RecommenderConfig, ShopConfig
from botify.config.shop import RulesConfig
from botify.shop.blend import Blend
from botify.shop.features.names import FIXED
from offline.experiment.metric_files import BUILT_IN, built_in
from offline.options import TrainOptions
from pipeline.nightly.config import Config as NightConfig
from sim.config import SimConfig

DOCS = Path(__file__).parents[2] / "docs"
REFERENCE = DOCS / "reference"
CONFIGS: dict[str, type[BaseModel]] = {
    "service-config.md": Config,
    "train-config.md": TrainOptions,
    "env-config.md": SimConfig,
}


def _models(hint: Any) -> Iterator[type[BaseModel]]:
    """Every model within a type: of a list, a mapping, a union; of recommenders, each type's."""
    if hint is RecommenderConfig:
        yield from (RECOMMENDERS.get(name).Config for name in _types())
    elif isinstance(hint, type) and issubclass(hint, BaseModel):
        yield hint
    elif get_origin(hint) in (Annotated, Union, UnionType) or get_args(hint):
        for part in get_args(hint):
            yield from _models(part)


def _fields(model: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[tuple[str, FieldInfo]]:
    seen.add(model)
    for name, field in model.model_fields.items():
        yield name, field
        for inner in _models(field.annotation):
            if inner not in seen:
                yield from _fields(inner, seen)


def _rows(page: str) -> dict[str, list[str]]:
    """The cell after each key of the page's tables; a key may stand in several."""
    found: dict[str, list[str]] = {}
    for line in (REFERENCE / page).read_text(encoding="utf-8").splitlines():
        if not line.startswith("|"):
            continue
        first, *others = (cell.strip() for cell in line.strip("|").split("|"))
        for name in re.findall(r"`([^`]+)`", first):
            for key in {name, name.rpartition(".")[2]}:
                found.setdefault(key, []).append(others[0] if others else "")
    return found


def _plain(value: object) -> object:
    """A default as YAML gives it."""
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def test_every_feature_of_a_ranker_is_there() -> None:
    assert not {*FIXED} - {*_rows("shop-features.md")}


def test_every_key_of_the_shop_face_is_there() -> None:
    text, rows = (REFERENCE / "service-config.md").read_text("utf-8"), _rows("service-config.md")
    for name in ShopConfig.model_fields:
        assert f"`{name}`" in text, name
    for model in (EventsConfig, RulesConfig, Blend.Config):
        for name, field in model.model_fields.items():
            if name in ("type", "list", "neighbours"):
                continue
            default = field.get_default(call_default_factory=True)
            assert default in [yaml.safe_load(cell.strip("`")) for cell in rows[name]], name


@pytest.mark.parametrize("page", CONFIGS)
def test_every_key_is_there_with_its_default(page: str) -> None:
    rows = _rows(page)
    for name, field in _fields(CONFIGS[page], set()):
        if list(_models(field.annotation)) and name != "sessions":
            # A section: a heading, or a key that the table tells of in its own words.
            headings = re.findall(r"^## (\w+)$", (REFERENCE / page).read_text("utf-8"), re.M)
            assert name in headings or name in rows, f"{page}: {name}"
            continue
        assert name in rows, f"{page}: {name}"
        if field.default is not PydanticUndefined and not isinstance(field.default, BaseModel):
            default = _plain(field.default)
            told = [yaml.safe_load(cell.strip("`")) for cell in rows[name]]
            assert default in told, f"{page}: {name}: {default}"


def _night_keys(content: object, section: str = "") -> dict[str, object]:
    """Of the night's config, or of a mapping, with dots; to their values."""
    found: dict[str, object] = {}
    pairs = dict(content) if isinstance(content, BaseModel) else content
    assert isinstance(pairs, dict)
    for name, value in pairs.items():
        if isinstance(value, BaseModel) or (isinstance(value, dict) and name != "options"):
            found |= _night_keys(value, f"{section}{name}.")
        else:
            found[section + name] = _plain(value)
    return found


def test_every_key_of_a_night_is_there_with_its_default_and_no_other() -> None:
    told, section = {}, ""
    for line in (REFERENCE / "pipeline-config.md").read_text("utf-8").splitlines():
        if heading := re.match(r"## (\w+)$", line):
            section = heading[1] + "."
        if row := re.match(r"\| `(\w+)` \| (.+?) \| ", line):
            told[section + row[1]] = yaml.safe_load(row[2].strip("`"))
    known = _night_keys(NightConfig())
    assert told == known
    file = yaml.safe_load((DOCS.parent / "config/pipeline.yml").read_text("utf-8"))
    assert _night_keys(file) == known | {"source.place": "out/shop/log"}


def test_no_key_is_told_that_is_none() -> None:
    for page, model in CONFIGS.items():
        known = {name for name, _ in _fields(model, set())}
        if model is Config:  # whose page tells of the shop face too
            known |= {name for name, _ in _fields(ShopConfig, set())} | {
                *Blend.Config.model_fields
            }
        for line in (REFERENCE / page).read_text(encoding="utf-8").splitlines():
            if found := re.match(r"\| `([\w.]+)`( \(top level\))? \| ", line):
                key = found[1].rpartition(".")[2]
                assert key in known | _types(), f"{page}: {key}"


def _types() -> set[str]:
    """Of recommenders, which have a table of their own."""
    return {plugin.name for plugin in RECOMMENDERS.all if plugin.built_in}


def test_every_type_of_recommender_is_there() -> None:
    assert _types() <= set(_rows("service-config.md"))


def test_every_experiment_metric_is_there_and_every_key_of_one() -> None:
    rows = _rows("experiment-metrics.md")
    assert {*built_in("music").by_name, *built_in("shop").by_name} <= set(rows)
    keys = {
        key
        for path in BUILT_IN.values()
        for entry in yaml.safe_load(path.read_text())["metrics"].values()
        for key in entry
    }
    assert keys <= set(rows)


def test_every_name_that_prometheus_reads_is_there_and_no_other(exposition: str) -> None:
    kinds = dict(re.findall(r"^# TYPE (\S+) (\w+)$", exposition, re.MULTILINE))
    told = {name for name in kinds if not name.endswith("_created")}
    assert len(told) > 20
    assert {name for name in _rows("service-metrics.md") if name.startswith("botify_")} == told
