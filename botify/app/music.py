"""The application of the music face."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import redis
from flask import Flask
from werkzeug.exceptions import BadRequest
from werkzeug.routing import IntegerConverter

from botify.api.assignment import AssignmentResource
from botify.api.cross_origin import CrossOriginPolicy
from botify.api.docs import add_docs
from botify.api.fast_path import FastPath
from botify.api.json_api import JsonApi
from botify.api.openapi import MAX_USER_DIGITS, document
from botify.api.ops_resources import add_operations
from botify.api.resources import LastResource, NextResource, RootResource, TrackResource
from botify.catalog import Catalog
from botify.config import RECOMMENDERS, Config
from botify.event_log.ledger import Ledger
from botify.event_log.provenance import Provenance, provenance_of
from botify.event_log.writer import EventLog
from botify.live_routing import LiveRouting
from botify.observability.health import WorkerReport
from botify.observability.metrics import Metrics
from botify.observability.recommender_failures import RecommenderFailures
from botify.observability.worker_table import WorkerTable
from botify.recommenders import Resources, build_recommenders
from botify.service import Service
from botify.session_model.live import LiveModel
from botify.session_model.repository import FileRepository
from botify.store.circuit_breaker import CircuitBreaker
from botify.store.fallback import Fallback
from botify.store.sessions import SessionStore
from botify.worker_context import WorkerContext
from botify.worker_monitor import WorkerMonitor


class _Natural(IntegerConverter):
    """A non-negative integer of any size that Python converts (by default, 4,300 digits)."""

    regex = "[0-9]{1,4300}"


class _User(IntegerConverter):
    """A non-negative integer. Raises BadRequest for one that is too long."""

    regex = "[0-9]+"

    def to_python(self, value: str) -> int:
        if len(value) > MAX_USER_DIGITS:
            raise BadRequest(
                f"a user has at most {MAX_USER_DIGITS} digits, this one {len(value):,}"
            )
        return int(value)


def create_music_app(
    config: Config,
    catalog: Catalog,
    client: "redis.Redis",
    popular: bytes = b"",
    repository: FileRepository | None = None,
    ledger: Ledger | None = None,
    provenance: Provenance | None = None,
    table: WorkerTable | None = None,
    config_state: Path | None = None,
) -> Flask:
    """The application of one worker; for the arguments see `create_app`."""
    ledger = ledger or Ledger()
    metrics = Metrics(ledger)
    worker = WorkerContext(
        client=client,
        store=SessionStore(client, config.session_ttl, len(catalog)),
        breaker=CircuitBreaker(config.redis_timeout),
        fallback=Fallback(len(catalog), popular),
        log=EventLog(config.log_dir, config.workers, config.log, ledger=ledger),
        metrics=metrics,
        failures=RecommenderFailures(metrics),
    )
    models = {name: LiveModel(name, repository, catalog) for name in config.models if repository}
    provenance = provenance or provenance_of(config)
    resources = Resources(catalog, models)
    routing = LiveRouting(
        config, lambda of: build_recommenders(of, resources), provenance.run, config_state
    )
    monitor = WorkerMonitor(
        worker,
        config.list_files,
        models.values(),
        routing,
        redis_timeout=config.redis_timeout,
        max_fallback_share=config.max_fallback_share,
    )
    service = Service(worker, routing, seed=config.seed, world_version=provenance.world_version)
    app = Flask("botify", static_folder=None)
    app.url_map.merge_slashes = False
    app.url_map.converters |= {"natural": _Natural, "user": _User}
    policy = CrossOriginPolicy(config.host, config.allowed_origins, config.allowed_hosts)
    app.before_request(policy.check)
    api = JsonApi(app, worker.metrics.count_error)
    of_plays: dict[str, Any] = {
        "catalog": catalog,
        "service": service,
        "metrics": worker.metrics,
        "forcing": routing if config.allow_forced else None,
    }
    api.add_resource(RootResource, "/")
    of_tracks = {"catalog": catalog, "metrics": worker.metrics}
    api.add_resource(TrackResource, "/track/<natural:track>", resource_class_kwargs=of_tracks)
    api.add_resource(NextResource, "/next/<user:user>", resource_class_kwargs=of_plays)
    api.add_resource(LastResource, "/last/<user:user>", resource_class_kwargs=of_plays)

    of_users = {"routing": routing, "metrics": worker.metrics}
    api.add_resource(
        AssignmentResource, "/experiments/<user:user>", resource_class_kwargs=of_users
    )

    def experiments() -> Sequence[Mapping[str, Any]]:
        return routing.current.experiments.describe()

    def reports() -> list[WorkerReport]:
        report = monitor.report()
        worker.metrics.publish(report)  # so that what follows is current
        return [report]

    add_operations(
        api,
        reports,
        worker.metrics,
        experiments,
        table,
        warnings=lambda: RECOMMENDERS.problems,
    )
    add_docs(api, lambda: document(len(catalog), experiments(), config.allow_forced))
    monitor.start()
    app.extensions["botify"] = monitor
    if config.allowed_hosts is None:  # else Flask looks at each request's host
        fast = FastPath(service, len(catalog), MAX_USER_DIGITS, metrics.count_error)
        app.extensions["botify.fast_path"] = fast
    return app
