"""What the rooms agree on about MLflow."""

import subprocess
from pathlib import Path

from contract.tracking import artifact_root, revision, tracking_uri


def test_the_place_of_runs_does_not_depend_on_mlflows_defaults() -> None:
    assert tracking_uri({}) == f"sqlite:///{Path('out/mlflow/mlflow.db').absolute()}"
    assert artifact_root({}) == Path("out/mlflow/artifacts").absolute().as_uri()
    database = {"MLFLOW_TRACKING_URI": "postgresql+psycopg://db/ml"}
    assert artifact_root(database) == Path("out/mlflow/artifacts").absolute().as_uri()
    bucket = {"MLFLOW_DEFAULT_ARTIFACT_ROOT": "s3://bucket/runs"}
    assert artifact_root(database | bucket) == "s3://bucket/runs"


def test_the_revision_is_of_the_files_own_repository(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        who = ("-c", "user.name=a", "-c", "user.email=a@b.example")
        done = subprocess.run(
            ["git", "-C", str(tmp_path), *who, *words], check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    ours, theirs = tmp_path / "ours.py", tmp_path / "installed.py"
    for file in (ours, theirs):
        file.write_text("")
    assert revision(ours) == "unknown"
    git("init", "-q")
    git("add", "ours.py")
    git("commit", "-qm", "one")
    head = git("rev-parse", "HEAD")
    assert revision(ours) == head
    assert revision(theirs) == "unknown"
    ours.write_text("changed")
    assert revision(ours) == f"{head}-dirty"
