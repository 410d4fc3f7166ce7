"""The composition root of the service."""

from typing import Any

import redis
from flask import Flask
from werkzeug.exceptions import BadRequest
from werkzeug.routing import IntegerConverter

from botify.api.cross_origin import Callers
from botify.api.docs import add_documents
from botify.api.json_api import JsonApi
from botify.api.openapi import MOST_DIGITS
from botify.api.ops_resources import add_operations
from botify.api.resources import Hello, LastTrack, NextTrack, Track
from botify.catalog import Catalog
from botify.config import Config
from botify.event_log.ledger import Ledger
from botify.event_log.provenance import Origin, origin_of
from botify.event_log.writer import EventLog
from botify.experiments import Experiments
from botify.observability.health import State
from botify.observability.metrics import Exposition, Metrics
from botify.observability.worker_table import Roster
from botify.recommenders import build_recommenders
from botify.service import Service
from botify.session_model.live import Model
from botify.session_model.repository import Shelf
from botify.store.circuit_breaker import Link
from botify.store.fallback import Fallback
from botify.store.sessions import Store
from botify.worker_monitor import Upkeep


class _Natural(IntegerConverter):
    """A non-negative integer of any size that Python converts (by default, 4,300 digits)."""

    regex = "[0-9]{1,4300}"


class _User(IntegerConverter):
    """A non-negative integer. Raises BadRequest for one that is too long."""

    regex = "[0-9]+"

    def to_python(self, value: str) -> int:
        if len(value) > MOST_DIGITS:
            raise BadRequest(f"a user has at most {MOST_DIGITS} digits, this one {len(value):,}")
        return int(value)


def create_app(
    config: Config,
    catalog: Catalog,
    client: "redis.Redis",
    popular: bytes = b"",
    shelf: Shelf | None = None,
    ledger: Ledger | None = None,
    origin: Origin | None = None,
    roster: Roster | None = None,
) -> Flask:
    """The application of one worker; the lists must be in Redis already (`load_list`).

    Opens the worker's log and starts its upkeep thread, so call it in the process that serves.
    `popular` are packed tracks for answers without Redis, until those in Redis are known. `shelf`
    has the models that the config names; it may be None where that names none. Where several
    processes serve, `ledger` is where all of their logs count, `origin` what all of them log, and
    `roster` tells how they fare.
    `app.extensions["botify"]` is the Upkeep; its `stop()` ends the thread and closes the log.
    """
    ledger = ledger or Ledger()
    metrics = Metrics(ledger)
    link = Link(config.redis_timeout)
    store = Store(client, config.session_ttl, len(catalog))
    fallback = Fallback(len(catalog), popular)
    log = EventLog(config.log_dir, config.workers, config.log, ledger=ledger)
    models = {name: Model(name, shelf, catalog) for name in config.models if shelf}
    upkeep = Upkeep(
        client,
        store,
        link,
        fallback,
        log,
        metrics,
        config.list_files,
        models.values(),
        patience=config.redis_timeout,
        max_fallback_share=config.max_fallback_share,
    )
    experiments = Experiments(config.experiments)
    service = Service(
        experiments=experiments,
        recommenders=build_recommenders(config, catalog, models),
        default=config.default,
        store=store,
        link=link,
        fallback=fallback,
        log=log,
        metrics=metrics,
        seed=config.seed,
        origin=origin or origin_of(config),
    )
    app = Flask("botify", static_folder=None)
    app.url_map.merge_slashes = False
    app.url_map.converters |= {"natural": _Natural, "user": _User}
    callers = Callers(config.host, config.allowed_origins, config.allowed_hosts)
    app.before_request(callers.check)
    api = JsonApi(app, metrics.refused)
    of_plays: dict[str, Any] = {
        "catalog": catalog,
        "service": service,
        "metrics": metrics,
        "forcing": experiments if config.allow_forced else None,
    }
    api.add_resource(Hello, "/")
    of_tracks = {"catalog": catalog, "metrics": metrics}
    api.add_resource(Track, "/track/<natural:track>", resource_class_kwargs=of_tracks)
    api.add_resource(NextTrack, "/next/<user:user>", resource_class_kwargs=of_plays)
    api.add_resource(LastTrack, "/last/<user:user>", resource_class_kwargs=of_plays)

    def states() -> list[State]:
        state = upkeep.state()
        metrics.publish(state)  # what follows tells of this very moment
        return [state]

    add_operations(api, states, metrics, experiments.describe, roster)
    add_documents(api, experiments.describe(), len(catalog), forcing=config.allow_forced)
    upkeep.start()
    app.extensions["botify"] = upkeep
    return app


def create_operations_app(config: Config, roster: Roster, ledger: Ledger) -> Flask:
    """What the parent process answers of all workers; see `OperationsPort`."""
    exposition = Exposition(ledger)
    app = Flask("botify.operations", static_folder=None)
    app.url_map.merge_slashes = False
    app.before_request(Callers(config.operations_host, hosts=None).check)
    api = JsonApi(app, lambda route, status: None)
    describe = Experiments(config.experiments).describe
    add_operations(api, exposition.states, exposition, describe, roster, tell_workers=True)
    return app
