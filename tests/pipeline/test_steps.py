"""What a run is told to compare is what the service's config says."""

import subprocess
from pathlib import Path

import click
import pytest

from pipeline.steps import DAE_SESSION, DAE_VS_CONTEXTUAL, Design, Loop, Source, source_of

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


def test_a_world_is_generated_or_made_from_data(tmp_path: Path) -> None:
    (tmp_path / "shop.csv").write_text("user,item")
    assert source_of("generated", tmp_path, "demo") is None
    for name in ("lastfm", "lastfm-2k"):
        assert source_of(name, tmp_path, "demo") == Source(tmp_path, "lastfm-2k")
    with pytest.raises(click.UsageError, match=r"make demo LASTFM_DIR=\.\.\."):
        source_of("lastfm", None, "demo")
    assert source_of(str(tmp_path / "shop.csv"), None, "demo") == Source(tmp_path / "shop.csv")
    with pytest.raises(click.UsageError, match=r"none\.csv: no such file or directory"):
        source_of(str(tmp_path / "none.csv"), None, "demo")


def test_data_are_imported_before_the_world_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    def run(argv: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        ran.append(" ".join([Path(argv[0]).name, *argv[1:]]))
        return subprocess.CompletedProcess(argv, 0)

    monkeypatch.setattr(subprocess, "run", run)
    loop = Loop(tmp_path / "out", 7, design(tmp_path))
    loop.world(Source(Path("shop.csv")), None, None)
    out = tmp_path / "out"
    assert ran == [
        f"botify-offline import shop.csv --out {out}/data",
        f"botify-sim world --out {out}/world --seed 7 --from {out}/data",
    ]
