"""The application of the ratings face."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flask import Flask

from botify.api.assignment import AnyId, AssignmentResource
from botify.api.cross_origin import CrossOriginPolicy
from botify.api.docs import add_docs
from botify.api.json_api import JsonApi
from botify.api.ops_resources import add_operations
from botify.api.ratings.openapi import ratings_document
from botify.api.ratings.pages import rating_pages
from botify.api.ratings.resources import RatingsRootResource, RecoResource, RecsResource
from botify.config import RATING_RECOMMENDERS, RatingsConfig
from botify.event_log.ledger import Ledger
from botify.event_log.provenance import Provenance, provenance_of
from botify.event_log.writer import EventLog
from botify.live_routing import LiveRouting
from botify.observability.health import WorkerReport
from botify.observability.metrics import Metrics
from botify.observability.recommender_failures import RecommenderFailures
from botify.observability.worker_table import WorkerTable
from botify.ratings.monitor import RatingsMonitor
from botify.ratings.publications import Publications
from botify.ratings.recommenders import build_rating_recommenders
from botify.ratings.service import RatingsService


def create_ratings_app(
    config: RatingsConfig,
    ledger: Ledger | None = None,
    provenance: Provenance | None = None,
    table: WorkerTable | None = None,
    config_state: Path | None = None,
) -> Flask:
    """The application of one worker; for the arguments see `create_app`.

    It opens its own connections to the stores, and reads all items of each publication.
    """
    ledger = ledger or Ledger()
    metrics = Metrics(ledger)
    provenance = provenance or provenance_of(config)
    log = EventLog(config.log_dir, config.workers, config.log, ledger=ledger)
    failures = RecommenderFailures(metrics)
    publications = Publications(config)
    routing = LiveRouting(
        config,
        lambda of: build_rating_recommenders(of, publications),
        provenance.run,
        config_state,
    )
    monitor = RatingsMonitor(
        publications, routing, log, metrics, failures, config.max_fallback_share
    )
    service = RatingsService(routing, log, metrics, failures)
    pages = rating_pages()
    app = Flask("botify", static_folder=None)
    app.url_map.merge_slashes = False
    app.url_map.converters |= {"id": AnyId}
    policy = CrossOriginPolicy(config.host, config.allowed_origins, config.allowed_hosts)
    app.before_request(policy.check)
    api = JsonApi(app, metrics.count_error)
    of_root = {"pages": pages, "metrics": metrics, "routing": routing}
    api.add_resource(RatingsRootResource, "/", resource_class_kwargs=of_root)
    of_answers: dict[str, Any] = {
        "service": service,
        "metrics": metrics,
        "forcing": routing if config.allow_forced else None,
        "pages": pages,
    }
    api.add_resource(RecoResource, "/reco", resource_class_kwargs=of_answers)
    api.add_resource(RecsResource, "/recs", resource_class_kwargs=of_answers)
    of_users = {"routing": routing, "metrics": metrics}
    api.add_resource(AssignmentResource, "/experiments/<id:user>", resource_class_kwargs=of_users)

    def reports() -> list[WorkerReport]:
        report = monitor.report()
        metrics.publish(report)  # so that what follows is current
        return [report]

    def experiments() -> Sequence[Mapping[str, Any]]:
        return routing.current.experiments.describe()

    add_operations(
        api, reports, metrics, experiments, table, warnings=lambda: RATING_RECOMMENDERS.problems
    )

    def document() -> Mapping[str, Any]:
        return ratings_document(
            experiments(), config.allow_forced, publications.scale(), publications.numbered()
        )

    add_docs(api, document)
    monitor.start()
    app.extensions["botify"] = monitor
    return app
