"""The DAGs. A task runs one of the project's commands in the project's own environment.

Nothing passes through Airflow's database: a step finds what the steps before it wrote in the
night's directory, and does nothing where it is done. A DAG is there where what it runs is there:
that of a face where it has a config, that of the site where the site has the job.
"""

import os
import shlex
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, Param

PROJECT = Path(os.environ.get("BOTIFY_PROJECT", Path(__file__).resolve().parents[3]))
BIN = Path(os.environ.get("BOTIFY_BIN", PROJECT / ".venv" / "bin"))
CONFIGS = Path(os.environ.get("BOTIFY_PIPELINES", PROJECT / "config"))

FACES = {"shop": "pipeline.yml", "music": "pipeline-music.yml", "ratings": "pipeline-ratings.yml"}
STEPS = (
    "extract", "transform", "features", "split", "train", "evaluate", "gate", "canary",
    "publish", "verify",
)  # fmt: skip
FINAL = ("transform", "features", "gate", "canary")
"""Steps that would say the same again, of the same data."""
HOURS = {"train": 6, "canary": 24 * 15}
"""Until a step is stopped; else 1. A canary ends by its config."""
SITE_JOB = PROJECT / "web/jobs/management/commands/similarity.py"
SITE_MODELS = ("svd", "nmf")

# A cron of Airflow 3 has no interval: a run is of the moment when it is due, and the night's data
# end with the day before.
NIGHT = (
    "{{ params.night or macros.ds_add("
    "(dag_run.logical_date or dag_run.run_after).strftime('%Y-%m-%d'), -1) }}"
)
# The pattern keeps what a person types out of the shell.
DAY = Param("", type="string", pattern=r"^(\d{4}-\d{2}-\d{2})?$", description="empty: yesterday")
START = datetime(2026, 1, 1, tzinfo=UTC)
PAUSE = timedelta(seconds=float(os.environ.get("BOTIFY_RETRY_SECONDS", "60")))
"""Before the first repeat of a task; doubled for each one after it."""


def command(*words: object) -> str:
    """As a shell takes it; what Airflow fills in is left as it is."""
    return " ".join(str(word) if "{{" in str(word) else shlex.quote(str(word)) for word in words)


def task(name: str, words: Sequence[object], retries: int, hours: float) -> BashOperator:
    """Runs in the project's directory, as its commands' relative paths ask for."""
    return BashOperator(
        task_id=name,
        bash_command=command("exec", *words),  # a task that is killed kills the command
        cwd=str(PROJECT),
        append_env=True,
        retries=retries,
        retry_delay=PAUSE,
        retry_exponential_backoff=True,
        max_retry_delay=15 * PAUSE,
        execution_timeout=timedelta(hours=hours),
    )


def tell(context: Any, config: Path) -> None:
    """Send what became of the night; called by Airflow at the end of a run, good or bad."""
    run = context["dag_run"]
    given = (run.conf or {}).get("night")
    day = given or ((run.logical_date or run.run_after) - timedelta(days=1)).strftime("%Y-%m-%d")
    out = PROJECT / (yaml.safe_load(config.read_text()) or {}).get("out", "out/nightly")
    (out / day).mkdir(parents=True, exist_ok=True)  # a run may fail before its first step
    note = f"Airflow: {context['dag'].dag_id} ended: {context.get('reason') or 'unknown'}"
    words = [str(BIN / "botify-pipeline"), "notify", str(out / day), "--note", note]
    done = subprocess.run(words, cwd=PROJECT, check=False, capture_output=True, text=True)
    print(f"message: {(done.stdout or done.stderr).strip()}")


def nightly(face: str, config: Path) -> DAG:
    """The night of a face."""

    def told(context: Any) -> None:
        tell(context, config)

    with DAG(
        f"{face}_nightly",
        description=f"New data, checks, training, gate, publication: the {face} face.",
        schedule="0 3 * * *",
        start_date=START,
        catchup=False,
        max_active_runs=1,
        params={"night": DAY},
        on_success_callback=told,
        on_failure_callback=told,
        tags=["botify"],
    ) as dag:
        before = None
        for step in STEPS:
            run = (BIN / "botify-pipeline", "run", step, "--config", config, "--night", NIGHT)
            now = task(step, run, 0 if step in FINAL else 2, HOURS.get(step, 1))
            if before:
                before >> now
            before = now
    return dag


def site() -> DAG:
    """New similarities for the site; its job publishes them whole or not at all."""
    with DAG(
        "site_similarity",
        description="Similarities of the site's users and items.",
        schedule="0 4 * * *",
        start_date=START,
        catchup=False,
        max_active_runs=1,
        tags=["botify"],
    ) as dag:
        before = None
        for model in SITE_MODELS:
            run = (BIN / "python", PROJECT / "web/manage.py", "similarity", model)
            now = task(model, run, 2, 6)
            if before:
                before >> now
            before = now
    return dag


for _face, _name in FACES.items():
    if (CONFIGS / _name).is_file():
        globals()[f"{_face}_nightly"] = nightly(_face, CONFIGS / _name)
if SITE_JOB.is_file():
    site_similarity = site()
