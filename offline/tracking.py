"""Runs at an MLflow server (extra `tracking`), where `--track` asks for them.

A run is written after the work that it tells of: a server that is away loses a run, never a model.
"""

import os
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from logging import WARNING, getLogger
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contract.tracking import (
    PATIENCE,
    SILENT,
    artifact_root,
    first_use,
    flat,
    numbers,
    revision,
    tracking_uri,
    without_password,
)
from offline.errors import InputError

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

EXPERIMENT = "botify-offline"
_LONGEST = 6000
"""Letters of a parameter that MLflow takes."""
_SHORT = 200
"""Letters of an error that are told."""
_BATCH = 1000
"""Metrics that it takes at once; parameters a tenth of it."""


@dataclass
class Run:
    """What one run has to tell."""

    name: str
    params: Mapping[str, object]
    metrics: Mapping[str, object]
    """Nested; what is no finite number in it is left out."""
    epochs: Sequence[Mapping[str, float]] = ()
    """Of each epoch in their order; the step is its `number`, or its place."""
    files: Sequence[Path] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    started: float = field(default_factory=time.time)
    """Seconds since 1970."""


def check_installed() -> None:
    """Raises InputError where MLflow is absent; asked before training, not after it."""
    os.environ.update(SILENT)
    for name, value in PATIENCE.items():
        os.environ.setdefault(name, value)
    try:
        with warnings.catch_warnings(action="ignore"):
            import mlflow.tracking  # noqa: F401
    except ModuleNotFoundError as error:
        raise InputError(
            f"--track needs the extra `tracking` ({error.name} is absent): "
            "pip install 'botify[tracking]'"
        ) from None
    for name in ("mlflow", "alembic"):
        getLogger(name).setLevel(WARNING)


def log(run: Run) -> str:
    """Write a run; says where it is, or why it is nowhere. Never raises for the server's sake."""
    uri = tracking_uri(os.environ)
    try:
        with warnings.catch_warnings(action="ignore"):
            number = _log(uri, run)
    except Exception as error:  # of MLflow, SQLAlchemy, requests, a driver
        told = str(error).strip().partition("\n")[0][:_SHORT] or type(error).__name__
        return f"not tracked: {without_password(uri)}: {without_password(told)}"
    return f"tracked: run {number} of {EXPERIMENT} at {without_password(uri)}"


def _log(uri: str, run: Run) -> str:
    from mlflow.entities import Metric, Param, RunTag
    from mlflow.tracking import MlflowClient

    with first_use(uri):  # the client makes the tables
        client = MlflowClient(uri, uri)
        found = client.get_experiment_by_name(EXPERIMENT)
        experiment = (
            found.experiment_id
            if found
            else client.create_experiment(EXPERIMENT, artifact_root(os.environ))
        )
    tags = {"git revision": revision(Path(__file__)), **run.tags}
    made = client.create_run(experiment, int(run.started * 1000), tags, run.name).info.run_id
    now = int(time.time() * 1000)
    metrics = [Metric(name, value, now, 0) for name, value in numbers(flat(run.metrics)).items()]
    for place, epoch in enumerate(run.epochs, start=1):
        step = int(epoch.get("number", place))
        metrics += [
            Metric(f"epoch.{name}", value, now, step)
            for name, value in numbers(flat(epoch)).items()
            if name != "number"
        ]
    params = [Param(name, _short(value)) for name, value in flat(run.params).items()]
    try:
        _in_batches(client, made, metrics, params)
        client.log_batch(made, tags=[RunTag("mlflow.source.name", "botify-offline")])
        for file in run.files:
            client.log_artifact(made, str(file))
    except BaseException:
        client.set_terminated(made, "FAILED")
        raise
    client.set_terminated(made)
    return str(made)


def _in_batches(
    client: "MlflowClient", run: str, metrics: Sequence[Any], params: Sequence[Any]
) -> None:
    for start in range(0, len(metrics), _BATCH):
        client.log_batch(run, metrics=metrics[start : start + _BATCH])
    for start in range(0, len(params), _BATCH // 10):
        client.log_batch(run, params=params[start : start + _BATCH // 10])


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
