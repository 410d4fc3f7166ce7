"""The composition root of the service."""

from contextlib import suppress
from typing import Any

import redis
from flask import Flask, Response, request
from flask_restful import Api
from werkzeug.exceptions import HTTPException
from werkzeug.routing import IntegerConverter

from botify.catalog import Catalog
from botify.config import Config
from botify.event_log import EventLog
from botify.experiments import Experiments
from botify.fallback import Fallback
from botify.link import Link
from botify.log_ledger import Ledger
from botify.metrics import Metrics
from botify.model import Model
from botify.operations import add_operations
from botify.origin import Origin, origin_of
from botify.recommenders import build_recommenders
from botify.resources import LARGEST_BODY, Hello, LastTrack, NextTrack, Track
from botify.service import Service
from botify.shelf import Shelf
from botify.store import Store
from botify.upkeep import Upkeep


class _Natural(IntegerConverter):
    """A non-negative integer of any size that Python converts (by default, 4,300 digits)."""

    regex = "[0-9]{1,4300}"


class _Api(Api):  # type: ignore[misc]  # flask_restful has no types
    """Answers every error in JSON, and counts it."""

    def __init__(self, app: Flask, metrics: Metrics) -> None:
        self._metrics = metrics
        super().__init__(app, catch_all_404s=True)

    def handle_error(self, e: Exception) -> Response:
        code = e.code if isinstance(e, HTTPException) and e.code else 500
        # By the first word of the route, not of the path, which may be anything.
        route = request.url_rule.rule.split("/")[1] if request.url_rule else "unknown"
        self._metrics.refused(route, code)
        response: Response = super().handle_error(e)
        return response


def _take_body_of_a_mistake() -> None:
    """Read what comes with a request that has no route.

    Answered before its body is there, it would cost the client the connection that it keeps.
    """
    if request.routing_exception is not None:
        with suppress(HTTPException):  # too large: then the connection is lost after all
            request.get_data(cache=False)


def create_app(
    config: Config,
    catalog: Catalog,
    client: "redis.Redis",
    popular: bytes = b"",
    shelf: Shelf | None = None,
    ledger: Ledger | None = None,
    origin: Origin | None = None,
) -> Flask:
    """The application of one worker; the lists must be in Redis already (`load_list`).

    Opens the worker's log and starts its upkeep thread, so call it in the process that serves.
    `popular` are packed tracks for answers without Redis, until those in Redis are known. `shelf`
    has the models that the config names; it may be None where that names none. Where several
    processes serve, `ledger` is where all of their logs count, and `origin` what all of them log.
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
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.url_map.merge_slashes = False
    app.url_map.converters["natural"] = _Natural
    app.before_request(_take_body_of_a_mistake)
    api = _Api(app, metrics)
    of_plays: dict[str, Any] = {
        "catalog": catalog,
        "service": service,
        "metrics": metrics,
        "forcing": experiments if config.allow_forced else None,
    }
    api.add_resource(Hello, "/")
    of_tracks = {"catalog": catalog, "metrics": metrics}
    api.add_resource(Track, "/track/<natural:track>", resource_class_kwargs=of_tracks)
    api.add_resource(NextTrack, "/next/<natural:user>", resource_class_kwargs=of_plays)
    api.add_resource(LastTrack, "/last/<natural:user>", resource_class_kwargs=of_plays)
    add_operations(
        api,
        state=upkeep.state,
        metrics=metrics,
        experiments=experiments.describe,
        n_tracks=len(catalog),
        forcing=config.allow_forced,
    )
    upkeep.start()
    app.extensions["botify"] = upkeep
    return app
