"""What a run is told to compare is what the service's config says."""

import subprocess
from pathlib import Path

import click
import pytest

from pipeline.steps import DAE_SESSION, DAE_VS_CONTEXTUAL, Design, Loop

ROOT = Path(__file__).resolve().parents[2]
CONFIG = """
experiments:
  E:
    treatments: {C: top_pop, T1: dae_session}
"""


def design(tmp_path: Path, text: str = CONFIG) -> Design:
    config = tmp_path / "botify.yml"
    config.write_text(text)
    return Design(config, "E", trains_session_model=False)


def test_treatments_are_those_of_the_config(tmp_path: Path) -> None:
    loop = Loop(tmp_path / "out", 1, design(tmp_path))
    assert loop.treatments == {"C": "TOP_POP", "T1": "DAE_SESSION"}
    assert loop.split == "TOP_POP (C), DAE_SESSION (T1)"


@pytest.mark.parametrize(
    "text", ["", "experiments: {}", "experiments: {E: {}}", "experiments: {E: {treatments: [C]}}"]
)
def test_an_experiment_that_the_config_lacks_is_named_before_anything_runs(
    tmp_path: Path, text: str
) -> None:
    with pytest.raises(click.UsageError, match=r"botify\.yml: defines no experiment E "):
        Loop(tmp_path / "out", 1, design(tmp_path, text))


def test_a_config_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match=r"no\.yml cannot be read"):
        Loop(tmp_path / "out", 1, Design(tmp_path / "no.yml", "E", trains_session_model=False))
    with pytest.raises(click.UsageError, match=r"botify\.yml cannot be read"):
        Loop(tmp_path / "out", 1, design(tmp_path, "{"))


@pytest.mark.parametrize("designed", [DAE_VS_CONTEXTUAL, DAE_SESSION])
def test_the_configs_define_their_experiments(
    designed: Design, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert list(designed.treatments().values())[:2] == ["CONTEXTUAL", "DAE"]


def test_labels_are_of_the_config_that_the_service_was_started_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = design(tmp_path)
    loop = Loop(tmp_path / "out", 1, found)
    found.config.write_text(CONFIG.replace("top_pop", "random"))
    started = subprocess.Popen(["echo", "http://127.0.0.1:1"], stdout=subprocess.PIPE, text=True)
    monkeypatch.setattr("pipeline.steps.subprocess.Popen", lambda *words, **options: started)
    with loop.service():
        found.config.write_text(CONFIG)
    assert loop.treatments["C"] == "RANDOM"
