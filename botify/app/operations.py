"""The application of the parent process: health and metrics of all workers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flask import Flask

from botify.api.cross_origin import CrossOriginPolicy
from botify.api.json_api import JsonApi
from botify.api.ops_resources import add_operations
from botify.config import AnyConfig, recommender_types_of
from botify.event_log.ledger import Ledger
from botify.experiments import Experiments
from botify.observability.metrics import Exposition
from botify.observability.worker_table import WorkerTable


def create_operations_app(
    config: Callable[[], AnyConfig], table: WorkerTable, ledger: Ledger
) -> Flask:
    """Health and metrics of all workers, for the parent process; see `OperationsPort`.

    `config()` is the config in force.
    """
    exposition = Exposition(ledger)
    app = Flask("botify.operations", static_folder=None)
    app.url_map.merge_slashes = False
    app.before_request(CrossOriginPolicy(config().operations_host, hosts=None).check)
    api = JsonApi(app, lambda route, status: None)
    types = recommender_types_of(config().face)

    def describe() -> Sequence[Mapping[str, Any]]:
        return Experiments(config().experiments).describe()

    add_operations(
        api,
        exposition.states,
        exposition,
        describe,
        table,
        with_workers=True,
        warnings=lambda: types.problems,
    )
    return app
