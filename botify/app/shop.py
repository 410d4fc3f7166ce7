"""The application of the shop face."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import redis
from flask import Flask

from botify.api.api_keys import read_api_keys
from botify.api.assignment import AnyId, AssignmentResource
from botify.api.cross_origin import CrossOriginPolicy
from botify.api.docs import add_docs
from botify.api.json_api import JsonApi
from botify.api.ops_resources import add_operations
from botify.api.shop.openapi import shop_document
from botify.api.shop.other_edition import (
    OfflineResource,
    OnlineResource,
    SimilarItemsResource,
)
from botify.api.shop.owner_page import OwnerPageResource
from botify.api.shop.resources import (
    RecommendationsResource,
    ShopRootResource,
    SimilarResource,
)
from botify.api.shop.writing import (
    EventsResource,
    GetResource,
    ItemResource,
    ItemsResource,
    PutResource,
    VisitorEventsResource,
)
from botify.config import ITEM_RECOMMENDERS, POPULAR_LIST, ShopConfig
from botify.config.shop import ITEM_LIST
from botify.event_log.ledger import Ledger
from botify.event_log.provenance import Provenance, provenance_of
from botify.event_log.writer import EventLog
from botify.live_routing import LiveRouting
from botify.observability.health import WorkerReport
from botify.observability.metrics import Metrics
from botify.observability.recommender_failures import RecommenderFailures
from botify.observability.worker_table import WorkerTable
from botify.session_model.repository import FileRepository
from botify.shop.answers import Answers
from botify.shop.category_file import all_below, read_categories
from botify.shop.intake import EventIntake
from botify.shop.item_intake import ItemIntake
from botify.shop.lookup import ItemLookup
from botify.shop.owner.report import OwnerReport
from botify.shop.ranking import Ranking, build_with_rankers, live_rankers
from botify.shop.redis_calls import RedisCalls
from botify.shop.service import ShopService
from botify.store.circuit_breaker import CircuitBreaker
from botify.store.event_outbox import EventOutbox
from botify.store.item_changes import ItemChanges
from botify.store.item_facts import ItemFactsStore
from botify.store.item_journal import JOURNAL, ItemJournal
from botify.store.items import ItemStore, PopularItems
from botify.store.keys import SHOP_KEYS, reading_key, recovered_key
from botify.store.visitor_events import VisitorEvents
from botify.worker_context import WorkerContext
from botify.worker_monitor import WorkerMonitor


def create_shop_app(
    config: ShopConfig,
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
    provenance = provenance or provenance_of(config)
    visitor_events = VisitorEvents(client, config.events.recent, config.rules.bought_days)
    outbox = EventOutbox(visitor_events)
    worker = WorkerContext(
        client=client,
        store=ItemStore(client, config.rules.bought_days),
        breaker=CircuitBreaker(config.redis_timeout),
        fallback=PopularItems(popular, outbox.flush),
        log=EventLog(config.log_dir, config.workers, config.log, ledger=ledger),
        metrics=metrics,
        failures=RecommenderFailures(metrics),
    )
    rankers = live_rankers(config, repository)
    routing = LiveRouting(
        config, lambda of: build_with_rankers(of, rankers), provenance.run, config_state
    )
    monitor = WorkerMonitor(
        worker,
        config.list_files,
        rankers.values(),
        routing,
        redis_timeout=config.redis_timeout,
        max_fallback_share=config.max_fallback_share,
        keys=SHOP_KEYS,
        popular=POPULAR_LIST,
        serves="items",
        text_keys=(recovered_key(config.log_dir), reading_key(config.log_dir)),
    )
    calls = RedisCalls(worker.breaker, metrics)
    lookup = ItemLookup(worker.store, ItemFactsStore(client), calls)
    answers = Answers(
        lookup,
        worker.fallback,
        worker.failures,
        config.rules,
        all_below(read_categories(config.rules.categories)),
        config.events.recent,
        Ranking(rankers, lookup),
    )
    service = ShopService(answers, routing, worker.log, metrics, config.shadow)
    intake = EventIntake(
        calls, worker.log, metrics, visitor_events, outbox, config.events, routing
    )
    journal = ItemJournal(config.log_dir / JOURNAL)
    item_intake = ItemIntake(calls, worker.log, ItemChanges(client), journal, routing)
    keys = read_api_keys(config.api_keys)
    app = Flask("botify", static_folder=None)
    app.url_map.merge_slashes = False
    app.url_map.converters |= {"id": AnyId}
    policy = CrossOriginPolicy(config.host, config.allowed_origins, config.allowed_hosts)
    app.before_request(policy.check)
    api = JsonApi(app, metrics.count_error)
    api.add_resource(ShopRootResource, "/")
    api.add_resource(
        RecommendationsResource,
        "/recommendations",
        "/recommendations/",
        resource_class_kwargs={
            "service": service,
            "metrics": metrics,
            "forcing": routing if config.allow_forced else None,
        },
    )
    writes: dict[str, Any] = {"keys": keys}
    events: dict[str, Any] = {"intake": intake, **writes}
    of_visitors = {"lookup": lookup, "outbox": outbox}
    items: dict[str, Any] = {"intake": item_intake, **writes}
    of_near = {"neighbours": config.similar}
    of_similar = {"lookup": lookup, **of_near}
    users = next(iter(config.lists), None)
    of_owner: dict[str, Any] = {
        "service": service,
        "lookup": lookup,
        "report": OwnerReport(config.log_dir),
        "keys": keys,
        "versions": lambda: monitor.report().lists,
        "files": {name: of.file for name, of in config.list_files.items()},
        "catalogue": lambda: lookup.catalogue(monitor.report().lists.get(ITEM_LIST, "")),
    }
    for resource, path, needs in (
        (SimilarResource, "/similar/<id:item>", of_similar),
        (EventsResource, "/events", events),
        (VisitorEventsResource, "/events/<id:user>", of_visitors),
        (PutResource, "/put", events),
        (GetResource, "/get", of_visitors),
        (SimilarItemsResource, "/similar_items", of_similar),
        (OfflineResource, "/recommendations_offline", {"service": service, "list_name": users}),
        (OnlineResource, "/recommendations_online", {"service": service, **of_near}),
        (ItemsResource, "/items", items),
        (ItemResource, "/items/<id:item>", {"lookup": lookup, **items}),
        (OwnerPageResource, "/shop", of_owner),
        (AssignmentResource, "/experiments/<id:user>", {"routing": routing}),
    ):
        api.add_resource(resource, path, resource_class_kwargs={**needs, "metrics": metrics})

    def reports() -> list[WorkerReport]:
        report = monitor.report()
        metrics.publish(report)  # so that what follows is current
        return [report]

    def experiments() -> Sequence[Mapping[str, Any]]:
        return routing.current.experiments.describe()

    add_operations(
        api, reports, metrics, experiments, table, warnings=lambda: ITEM_RECOMMENDERS.problems
    )
    add_docs(api, lambda: shop_document(experiments(), config.allow_forced, intake.kinds))
    monitor.start()
    app.extensions["botify"] = monitor
    return app
