"""Nights at a real MLflow: a SQLite file, PostgreSQL, and a server that is away."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pipeline.nightly.cli import main
from pipeline.nightly.directory import fingerprint
from pipeline.nightly.serving import Serving
from pipeline.tracking.picture import of_decision
from pipeline.tracking.registry import Registry, TrackingError, registry
from pipeline.tracking.runs import runs_of
from tests.pipeline.nights import a_night, write

ROOT = Path(__file__).parents[3]


def a_trained_night(out: Path, first: str = "a") -> tuple[Path, str]:
    """A published night with lists, and their version."""
    night = a_night(out)
    lists = night / "train" / "lists"
    for name in ("recommendations.json", "neighbours.json", "popular.json"):
        write(lists / name, {"items": [first, "b"]})
    version = fingerprint(lists)[:12]
    model = {"model": "covisit", "config": {"window": 5}, "users": 40, "items": 2}
    write(night / "train/model/artefact.json", model)
    (night / "transform/checks.html").write_text("checks")
    report = json.loads((night / "train/step.json").read_text())
    write(
        night / "train/step.json", report | {"inputs": {f"{night.name}/split/train.csv": "f00d"}}
    )
    measured = {"new_ndcg_10": 0.13, "new_neighbours_hit_10": 0.5, "popular_ndcg_10": 0.1}
    write(night / "evaluate/step.json", report | {"step": "evaluate", "metrics": measured})
    decision = json.loads((night / "decision.json").read_text())
    write(night / "decision.json", decision | {"candidate": version, "serving": version})
    return night, version


def serve(tmp_path: Path, night: Path, version: str) -> Serving:
    serving = Serving(tmp_path / "serving")
    serving.publish(night / "train" / "lists", version, "")
    return serving


@pytest.fixture
def sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    uri = f"sqlite:///{tmp_path / 'mlflow/mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.delenv("MLFLOW_DEFAULT_ARTIFACT_ROOT", raising=False)
    return uri


def command(tmp_path: Path, *words: str) -> Result:
    path = tmp_path / "pipeline.yml"
    path.write_text(
        json.dumps({"serving": str(tmp_path / "serving"), "source": {"place": "unused"}})
    )
    return CliRunner().invoke(main, [*words, "--config", str(path)])


def test_the_five_runs_of_a_night(tmp_path: Path) -> None:
    night, version = a_trained_night(tmp_path)
    found = runs_of(night)
    assert (found.night, found.face, found.candidate) == ("2026-05-31", "shop", version)
    runs = {run.name: run for run in found.runs}
    assert list(runs) == [
        "encoders", "popular", "similar_items", "final_recommendations", "final_metrics",
    ]  # fmt: skip
    assert runs["encoders"].metrics["users"] == 40
    assert runs["encoders"].params["data fingerprint"] == "f00d"
    assert runs["popular"].metrics == {"ndcg_10": 0.1}
    assert runs["similar_items"].metrics == {"neighbours_hit_10": 0.5}
    assert runs["final_recommendations"].params["option.window"] == 5
    final = runs["final_metrics"]
    assert final.metrics["primary.difference"] == 0.01
    assert final.metrics["checks_failed"] == 0
    assert set(final.texts) == {"transform.html", "difference.svg"}
    users = {file.name for run in found.runs for file in run.files} & {"users.parquet"}
    assert not users


def test_a_night_that_stopped_early_has_its_decision_alone(tmp_path: Path) -> None:
    night = a_night(tmp_path, published=False, primary=None, candidate=None)
    (night / "train/step.json").unlink()
    (final,) = runs_of(night).runs
    assert final.name == "final_metrics"
    assert not final.texts
    (night / "decision.json").unlink()
    with pytest.raises(ValueError, match="not ended"):
        runs_of(night)


def test_the_picture_has_the_interval(tmp_path: Path) -> None:
    night = a_night(tmp_path)
    drawn = of_decision(json.loads((night / "decision.json").read_text()))
    assert drawn is not None
    assert "difference +0.0100 (+0.0020 to +0.0180)" in drawn


@pytest.mark.integration
def test_runs_aliases_and_the_way_back_to_the_service(sqlite: str, tmp_path: Path) -> None:
    night, version = a_trained_night(tmp_path / "nights")
    serving = serve(tmp_path, night, version)
    assert command(tmp_path, "track", str(night)).exit_code == 0
    assert command(tmp_path, "track", str(night)).exit_code == 0
    with registry() as place:
        client = place._client
        (experiment,) = client.search_experiments(filter_string="name = 'shop_nightly'")
        runs = client.search_runs([experiment.experiment_id])
        assert len(runs) == 5  # the second time nothing was written
        (final,) = [run for run in runs if run.info.run_name == "final_metrics"]
        assert final.data.params["reason"].startswith("ndcg_10")
        assert {one.path for one in client.list_artifacts(final.info.run_id)} == {
            "decision.json", "difference.svg", "transform.html",
        }  # fmt: skip
        assert place.version("shop", "champion")[0] == version
        with pytest.raises(TrackingError, match="no challenger"):
            place.version("shop", "challenger")

    # A candidate that the gate refused is the challenger; somebody makes it the champion.
    (tmp_path / "later").mkdir()
    refused, other = a_trained_night(tmp_path / "later", "c")
    with registry() as place:
        place.log(runs_of(refused), serving.current())
        assert place.version("shop", "challenger")[0] == other
        assert place.version("shop", "champion")[0] == version
        number = place._number("shop-lists", other)
        place._client.set_registered_model_alias("shop-lists", "champion", str(number))
    done = command(tmp_path, "publish")
    assert done.exit_code == 0, done.output
    assert serving.current() == other
    assert fingerprint(serving.lists(other)) == fingerprint(refused / "train" / "lists")
    # Lists that were changed in the artefact store are refused.
    with registry() as place:
        _, run = place.version("shop", "champion")
        (stored,) = (tmp_path / "mlflow/artifacts").glob(f"{run}/artifacts/lists/popular.json")
    stored.write_text("{}")
    serving.rollback("to publish it once more")
    bad = command(tmp_path, "publish", "champion", "--force")
    assert bad.exit_code == 1
    assert "its lists are" in bad.stderr
    assert serving.current() == version
    nothing = command(tmp_path, "publish", "nobody")
    assert nothing.exit_code == 1
    assert "shop-lists has no nobody" in nothing.stderr


@pytest.mark.integration
def test_on_postgresql_as_well(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres_url.replace("postgresql://", "postgresql+psycopg://")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
    monkeypatch.setenv("MLFLOW_DEFAULT_ARTIFACT_ROOT", str(tmp_path / "artifacts"))
    night, version = a_trained_night(tmp_path / "nights")
    serving = serve(tmp_path, night, version)
    with registry() as place:
        assert len(place.log(runs_of(night), serving.current())) == 5
        _, run = place.version("shop", "champion")
        lists = place.fetch(run, tmp_path)
    assert fingerprint(lists)[:12] == version


@pytest.mark.integration
def test_a_server_that_is_away_is_told_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    night, _ = a_trained_night(tmp_path / "nights")
    away = command(tmp_path, "track", str(night))
    assert away.exit_code == 1
    assert "not tracked: http://***@127.0.0.1:9" in away.stderr
    assert "secret" not in away.output


@pytest.mark.nightly
def test_the_server_shows_what_was_logged(sqlite: str, tmp_path: Path) -> None:
    night, _ = a_trained_night(tmp_path / "nights")
    with registry() as place:
        place.log(runs_of(night), None)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "pipeline.tracking.server", "--port", str(port)]
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True) as server:
        try:
            url = f"http://127.0.0.1:{port}/api/2.0/mlflow/experiments/get-by-name"
            found = _when_up(f"{url}?experiment_name=shop_nightly")
            assert found["experiment"]["name"] == "shop_nightly"
        finally:
            os.killpg(server.pid, signal.SIGTERM)


def _when_up(url: str) -> dict[str, Any]:
    deadline = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                found: dict[str, Any] = json.load(answer)
                return found
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.3)


@pytest.mark.nightly
def test_eight_first_runs_at_once_make_one_database(sqlite: str) -> None:
    code = (
        "from pipeline.tracking.registry import registry\n"
        "with registry() as place: place._experiment('one'); print('made')\n"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)
        for _ in range(8)
    ]
    assert [process.communicate()[0].strip() for process in started] == [b"made"] * 8


def test_a_registry_shows_no_password() -> None:
    place = Registry(None, "postgresql://me:secret@db/ml")  # type: ignore[arg-type]
    assert place.uri == "postgresql://***@db/ml"
