"""The composition roots of the service, one per face."""

from pathlib import Path
from typing import TYPE_CHECKING

import redis
from flask import Flask

from botify.api.resources import MAX_BODY_BYTES
from botify.api.shop.requests import MAX_BATCH_BYTES
from botify.app.operations import create_operations_app
from botify.config import AnyConfig, RatingsConfig, ShopConfig
from botify.event_log.ledger import Ledger
from botify.event_log.provenance import Provenance
from botify.observability.worker_table import WorkerTable

if TYPE_CHECKING:
    from botify.catalog import Catalog
    from botify.session_model.repository import FileRepository

__all__ = ["LARGEST_BODY", "create_app", "create_operations_app"]

LARGEST_BODY = {"music": MAX_BODY_BYTES, "ratings": MAX_BODY_BYTES, "shop": MAX_BATCH_BYTES}
"""Of a request, in bytes, by face."""


def create_app(
    config: AnyConfig,
    catalog: "Catalog | None",
    client: "redis.Redis | None",
    popular: bytes = b"",
    repository: "FileRepository | None" = None,
    ledger: Ledger | None = None,
    provenance: Provenance | None = None,
    table: WorkerTable | None = None,
    config_state: Path | None = None,
) -> Flask:
    """The application of one worker, of the config's face; the lists must be in Redis already.

    Opens the worker's log and starts its monitor thread, so call it in the process that serves.
    `catalog`: of the music face alone. `repository`: the models, or rankers, of the config.
    `popular`: what the fallback answers, packed as in Redis, until the monitor has read it there.
    If several processes serve: `ledger` is where all their logs count, `provenance` is logged by
    all of them, and `table` has the state of each. `config_state`: where the parent says what is
    in force (a ConfigState); None if that never changes.
    `app.extensions["botify"]` is the WorkerMonitor; its `stop()` ends the thread and closes the
    log.
    """
    if isinstance(config, RatingsConfig):
        from botify.app.ratings import create_ratings_app

        return create_ratings_app(config, ledger, provenance, table, config_state)
    if client is None:
        raise ValueError(f"the {config.face} face needs Redis")
    if isinstance(config, ShopConfig):
        from botify.app.shop import create_shop_app

        return create_shop_app(
            config, client, popular, repository, ledger, provenance, table, config_state
        )
    from botify.app.music import create_music_app

    if catalog is None:
        raise ValueError("the music face needs a catalog")
    return create_music_app(
        config, catalog, client, popular, repository, ledger, provenance, table, config_state
    )
