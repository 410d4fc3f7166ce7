"""The DAGs in a real Airflow, which has an environment of its own, .venv-airflow."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.pipeline.messages.servers import Inbox, running
from tests.pipeline.small_faces import music, ratings
from tests.pipeline.small_shop import NIGHT, write_shop

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / ".venv-airflow" / "bin" / "python"
STEPS = [
    "extract", "transform", "features", "split", "train", "evaluate", "gate", "canary", "publish",
    "verify",
]  # fmt: skip
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not PYTHON.exists(), reason="no .venv-airflow; `make airflow` makes it"),
]
_DESCRIBE = """
import json, sys
sys.path.insert(0, sys.argv[1])
import nights
from airflow.serialization.serialized_objects import DagSerialization
found = {}
for dag in [one for one in vars(nights).values() if type(one).__name__ == 'DAG']:
    found[dag.dag_id] = {
        'tasks': [each.task_id for each in dag.topological_sort()],
        'retries': {each.task_id: each.retries for each in dag.tasks},
        'edges': sum(len(each.downstream_task_ids) for each in dag.tasks),
        'active': dag.max_active_runs,
        'catchup': dag.catchup,
        'commands': [each.bash_command for each in dag.tasks],
        'serialized': DagSerialization.to_dict(dag),
    }
print(json.dumps(found, sort_keys=True, default=str))
"""


def a_shop(tmp_path: Path) -> None:
    write_shop(tmp_path)
    config = {
        "out": str(tmp_path / "nights"),
        "serving": str(tmp_path / "serving"),
        "items": str(tmp_path / "items.json"),
        "source": {"kind": "csv", "place": str(tmp_path / "events.csv")},
        "split": {"days": 3},
        "checks": {"min_events": 100},
        "gate": {"k": 5, "resamples": 200},
    }
    (tmp_path / "pipeline.yml").write_text(yaml.safe_dump(config))


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    known = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    settings = {
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "pipeline/airflow/dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "BOTIFY_PROJECT": str(ROOT),
        "BOTIFY_PIPELINES": str(tmp_path),
        "BOTIFY_RETRY_SECONDS": "1",
    }
    return {**known, **settings, **more}


def airflow(tmp_path: Path, *words: str, **more: str) -> "subprocess.CompletedProcess[str]":
    program = PYTHON.with_name("airflow")
    return subprocess.run(
        [program, *words], env=environment(tmp_path, **more), cwd=ROOT, check=False,
        capture_output=True, text=True, timeout=500,
    )  # fmt: skip


def describe(tmp_path: Path) -> dict[str, Any]:
    done = subprocess.run(
        [PYTHON, "-c", _DESCRIBE, ROOT / "pipeline/airflow/dags"],
        env=environment(tmp_path), check=True, capture_output=True, text=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_a_dag_is_there_for_every_face_that_has_a_config(tmp_path: Path) -> None:
    for name in ("pipeline.yml", "pipeline-music.yml", "pipeline-ratings.yml"):
        (tmp_path / name).write_text("source: {place: unused}\n")
    found = describe(tmp_path)
    nightly = {name: dag for name, dag in found.items() if name.endswith("_nightly")}
    assert set(nightly) == {"shop_nightly", "music_nightly", "ratings_nightly"}
    for dag in nightly.values():
        assert dag["tasks"] == STEPS
        assert dag["edges"] == len(STEPS) - 1
        assert (dag["active"], dag["catchup"]) == (1, False)
        assert dag["retries"]["extract"] == 2
        assert dag["retries"]["gate"] == 0
        assert all(" --night {{" in words for words in dag["commands"])
    has_job = (ROOT / "web/jobs/management/commands/similarity.py").is_file()
    assert ("site_similarity" in found) == has_job
    # What changed by itself between two parses would be a new version of the DAG at each.
    assert describe(tmp_path) == found


@pytest.mark.nightly
def test_a_night_to_success_and_one_to_failure_with_their_messages(tmp_path: Path) -> None:
    a_shop(tmp_path)
    inbox = Inbox()
    with running(inbox):
        hook = {"NOTIFY_WEBHOOK_URL": inbox.url}
        assert airflow(tmp_path, "db", "migrate").returncode == 0
        words = ("dags", "test", "shop_nightly", "--conf", json.dumps({"night": str(NIGHT)}))
        done = airflow(tmp_path, *words, **hook)
        assert done.returncode == 0, done.stdout[-3000:]
        decision = json.loads((tmp_path / "nights" / str(NIGHT) / "decision.json").read_text())
        assert decision["published"]
        # The next night has no events.
        bad = {"night": "2026-02-05"}
        done = airflow(tmp_path, "dags", "test", "shop_nightly", "--conf", json.dumps(bad), **hook)
    assert done.returncode != 0
    good, failed = [body["text"] for _, body in inbox.posts]
    assert good.startswith(f"shop {NIGHT}: published ")
    assert "Airflow: shop_nightly ended: success" in good
    assert failed.startswith("shop 2026-02-05: NOT PUBLISHED")
    assert "Airflow: shop_nightly ended: task_failure" in failed


@pytest.mark.nightly
@pytest.mark.parametrize("face", [music, ratings])
def test_a_night_of_the_other_faces(
    face: Callable[[Path], dict[str, Any]], tmp_path: Path
) -> None:
    config = face(tmp_path)
    (tmp_path / f"pipeline-{config['face']}.yml").write_text(yaml.safe_dump(config))
    assert airflow(tmp_path, "db", "migrate").returncode == 0
    conf = json.dumps({"night": str(NIGHT)})
    done = airflow(tmp_path, "dags", "test", f"{config['face']}_nightly", "--conf", conf)
    assert done.returncode == 0, done.stdout[-3000:]
    decision = json.loads((tmp_path / "nights" / str(NIGHT) / "decision.json").read_text())
    assert decision["published"]
    assert decision["face"] == config["face"]


@pytest.mark.nightly
def test_a_scheduled_run_fails_and_one_by_hand_succeeds_under_the_real_scheduler(
    tmp_path: Path,
) -> None:
    a_shop(tmp_path)
    inbox = Inbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    home = environment(tmp_path)
    known = {name: value for name, value in home.items() if "DAGS_FOLDER" not in name}
    with running(inbox):
        known["NOTIFY_WEBHOOK_URL"] = inbox.url
        local = [str(PYTHON), str(ROOT / "pipeline/airflow/local.py"), port]
        with subprocess.Popen(local, env=known, cwd=ROOT) as server:
            try:
                _until(lambda: _shown(tmp_path), 300, "the DAG is not there")
                assert airflow(tmp_path, "dags", "unpause", "shop_nightly").returncode == 0
                words = (
                    "dags",
                    "trigger",
                    "shop_nightly",
                    "--conf",
                    json.dumps({"night": str(NIGHT)}),
                )
                assert airflow(tmp_path, *words).returncode == 0
                _until(lambda: len(inbox.posts) > 1, 400, "messages are missing")
            finally:
                server.send_signal(signal.SIGTERM)
                server.wait(60)
    # What was due when the DAG was switched on has no new events; the one by hand has.
    first = sorted(body["text"].partition("\n")[0] for _, body in inbox.posts)
    assert first[0].startswith(f"shop {NIGHT}: published ")
    assert "NOT PUBLISHED" in first[1]


def _shown(tmp_path: Path) -> bool:
    return "shop_nightly" in airflow(tmp_path, "dags", "list").stdout


def _until(holds: Any, seconds: float, otherwise: str) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, otherwise
        time.sleep(1)


def test_the_lock_is_what_is_installed() -> None:
    lock = (ROOT / "pipeline/airflow/constraints.txt").read_text().splitlines()
    command = [PYTHON, "-m", "pip", "freeze", "--disable-pip-version-check"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert set(done.stdout.splitlines()) == set(lock)
    assert not [line for line in lock if "@" in line]
