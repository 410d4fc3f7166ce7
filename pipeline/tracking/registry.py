"""MLflow's registry of lists: the `champion` serves, the `challenger` wants to.

A version's own name, the fingerprint of its lists, is a tag of the registry's number. Aliases are
asked for one by one: searches leave them out on SQL stores.
"""

import os
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from logging import WARNING, getLogger
from pathlib import Path
from typing import TYPE_CHECKING

from contract.tracking import (
    PATIENCE,
    SILENT,
    artifact_root,
    first_use,
    flat,
    revision,
    tracking_uri,
    without_password,
)
from pipeline.tracking.runs import LISTS, NightRuns, Run

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

CHAMPION, CHALLENGER = "champion", "challenger"
_VERSION, _CONTENT = "version", "content"
_LONGEST, _SHORT = 6000, 300
"""Letters of a parameter that MLflow takes; of an error that is told."""


class TrackingError(Exception):
    """Why a night is not tracked, or a version not had; without passwords."""


class Registry:
    """A tracking server, or a database without one."""

    def __init__(self, client: "MlflowClient", uri: str) -> None:
        self._client, self.uri = client, without_password(uri)

    def log(self, night: NightRuns, serving: str | None) -> list[str]:
        """Write a night's runs, register its lists, and set both aliases; the numbers of runs.

        `serving`: the version in service after the night. A night whose content is there already
        is left as it is, but for the aliases.
        """
        experiment = self._experiment(f"{night.face}_nightly")
        known = self._known(experiment, night)
        numbers = known or [self._run(experiment, night, run) for run in night.runs]
        if night.candidate and not known:
            self._register(night, numbers)
        self._point(night.face, night.candidate, serving)
        return numbers

    def version(self, face: str, alias: str) -> tuple[str, str]:
        """Name and run of the version that has the alias. Raises TrackingError without one."""
        from mlflow.exceptions import MlflowException

        try:
            found = self._client.get_model_version_by_alias(_name(face), alias)
        except MlflowException as error:
            if error.error_code not in ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"):
                raise
            raise TrackingError(f"{_name(face)} has no {alias} at {self.uri}") from None
        if _VERSION not in found.tags or not found.run_id:
            raise TrackingError(
                f"{alias} of {_name(face)} is version {found.version}, which no night registered"
            )
        return found.tags[_VERSION], found.run_id

    def fetch(self, run: str, to: Path) -> Path:
        """The lists of a run, in a directory below `to`."""
        return Path(self._client.download_artifacts(run, LISTS, str(to)))

    def _experiment(self, name: str) -> str:
        with first_use(tracking_uri(os.environ)):
            found = self._client.get_experiment_by_name(name)
            if found:
                return str(found.experiment_id)
            return str(self._client.create_experiment(name, artifact_root(os.environ)))

    def _known(self, experiment: str, night: NightRuns) -> list[str]:
        """The runs of this very content, if all of them ended well."""
        found = self._client.search_runs(
            [experiment], f"tags.{_CONTENT} = '{night.content}' and attributes.status = 'FINISHED'"
        )
        by_name = {run.info.run_name: run.info.run_id for run in found}
        numbers = [by_name.get(run.name, "") for run in night.runs]
        return numbers if all(numbers) else []

    def _run(self, experiment: str, night: NightRuns, run: Run) -> str:
        from mlflow.entities import Metric, Param

        now = int(time.time() * 1000)
        tags = {
            _CONTENT: night.content,
            "night": night.night,
            "face": night.face,
            "git revision": revision(Path(__file__)),
            "mlflow.source.name": "botify-pipeline",
        }
        if night.candidate:
            tags[_VERSION] = night.candidate
        number = self._client.create_run(experiment, now, tags, run.name).info.run_id
        params = [Param(key, str(value)[:_LONGEST]) for key, value in flat(run.params).items()]
        metrics = [Metric(key, value, now, 0) for key, value in run.metrics.items()]
        try:
            for start in range(0, len(params), 100):
                self._client.log_batch(number, params=params[start : start + 100])
            self._client.log_batch(number, metrics=metrics)
            for file in run.files:
                self._client.log_artifact(number, str(file))
            for name, text in run.texts.items():
                self._client.log_text(number, text, name)
            if run.lists:
                self._client.log_artifacts(number, str(run.lists), LISTS)
        except BaseException:
            self._client.set_terminated(number, "FAILED")
            raise
        self._client.set_terminated(number)
        return str(number)

    def _register(self, night: NightRuns, numbers: list[str]) -> None:
        from mlflow.exceptions import MlflowException

        name, version = _name(night.face), str(night.candidate)
        (run,) = [n for n, run in zip(numbers, night.runs, strict=True) if run.lists]
        try:
            self._client.create_registered_model(name, description=f"Lists of the {night.face}.")
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        if not self._number(name, version):
            tags = {_VERSION: version, "night": night.night}
            self._client.create_model_version(name, f"runs:/{run}/{LISTS}", run, tags)

    def _point(self, face: str, candidate: str | None, serving: str | None) -> None:
        """Aliases last: whoever reads them finds a whole version."""
        name = _name(face)
        if candidate is None and serving is None:
            return
        if serving and (number := self._number(name, serving)):
            self._client.set_registered_model_alias(name, CHAMPION, number)
        if candidate and candidate != serving and (number := self._number(name, candidate)):
            self._client.set_registered_model_alias(name, CHALLENGER, number)
        elif candidate and candidate == serving and self._has(face, CHALLENGER, candidate):
            self._client.delete_registered_model_alias(name, CHALLENGER)

    def _has(self, face: str, alias: str, version: str) -> bool:
        try:
            return self.version(face, alias)[0] == version
        except TrackingError:
            return False

    def _number(self, name: str, version: str) -> str | None:
        """The registry's newest number of a version; None: it is not there."""
        found = self._client.search_model_versions(
            f"name = '{name}' and tags.version = '{version}'"
        )
        return max((str(one.version) for one in found), key=int, default=None)


def _name(face: str) -> str:
    return f"{face}-lists"


@contextmanager
def registry() -> Iterator[Registry]:
    """Where MLFLOW_TRACKING_URI says. Whatever fails within is a TrackingError."""
    uri = tracking_uri(os.environ)
    os.environ.update(SILENT)
    for name, value in PATIENCE.items():
        os.environ.setdefault(name, value)
    try:
        with warnings.catch_warnings(action="ignore"):  # of MLflow's own dependencies
            from mlflow.tracking import MlflowClient

            for name in ("mlflow", "alembic"):
                getLogger(name).setLevel(WARNING)
            with first_use(uri):  # it makes the tables
                client = MlflowClient(uri, uri)
                client.search_experiments(max_results=1)
            yield Registry(client, uri)
    except TrackingError:
        raise
    except ModuleNotFoundError as error:
        raise TrackingError(f"{error.name} is absent: pip install 'botify[tracking]'") from None
    except Exception as error:  # of MLflow, SQLAlchemy, requests, a driver
        told = str(error).strip().partition("\n")[0][:_SHORT] or type(error).__name__
        raise TrackingError(f"{without_password(uri)}: {without_password(told)}") from None
