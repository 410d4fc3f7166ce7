"""`train --track` and `evaluate --track` at a real MLflow, and without one."""

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from offline import tracking
from offline.cli import main
from offline.errors import InputError

ROWS = "user,item\n" + "".join(
    f"u{user},i{(user * step) % 13}\n" for user in range(40) for step in (1, 3, 5, 7)
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("tracked")
    (place / "rows.csv").write_text(ROWS)
    run("import", str(place / "rows.csv"), "--out", str(place / "data"))
    return place / "data"


def run(*words: str) -> Result:
    return CliRunner().invoke(main, words, catch_exceptions=False)


@pytest.mark.integration
def test_training_and_measures_are_runs(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    options = ("--model", "dae", "--set", "epochs=2", "--set", "hidden=[4]", "--track")
    trained = run("train", str(data), *options, "--out", str(tmp_path / "model"))
    assert "tracked: run " in trained.stderr
    measured = run("evaluate", str(data), "--model", "popular", "--track", "--json")
    assert "tracked: run " in measured.stderr
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    experiment = client.get_experiment_by_name(tracking.EXPERIMENT)
    assert experiment is not None
    found = {one.info.run_name: one for one in client.search_runs([experiment.experiment_id])}
    assert set(found) == {"train dae", "evaluate popular"}
    training = found["train dae"]
    assert training.data.params["hidden"] == "[4]"
    assert len(training.data.params["data fingerprint"]) == 64
    assert (
        training.data.params["data fingerprint"]
        == (found["evaluate popular"].data.params["data fingerprint"])
    )
    history = client.get_metric_history(training.info.run_id, "epoch.ndcg")
    assert [one.step for one in history] == [1, 2]
    files = {one.path for one in client.list_artifacts(training.info.run_id)}
    assert files == {"artefact.json", "training.png"}
    assert training.data.tags["git revision"]
    assert 0 <= found["evaluate popular"].data.metrics["recall_20"] <= 1


@pytest.mark.integration
def test_a_server_that_is_away_costs_the_run_and_not_the_model(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    out = tmp_path / "model"
    done = run("train", str(data), "--model", "popular", "--out", str(out), "--track")
    assert done.exit_code == 0
    assert "not tracked: http://127.0.0.1:9" in done.stderr
    assert (out / "artefact.json").is_file()


def test_without_mlflow_nothing_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    monkeypatch.setitem(sys.modules, "mlflow.tracking", None)
    with pytest.raises(InputError, match=r"botify\[tracking\]"):
        tracking.check_installed()
