"""The two commands of `botify`: wires catalog, Redis, lists and workers together."""

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from botify.catalog import load_catalog
from botify.config import TOP_TRACKS, Config
from botify.errors import InputError
from botify.event_log import segments
from botify.event_log.ledger import Ledger
from botify.event_log.provenance import origin_of
from botify.event_log.publications import Publications
from botify.files.reading import open_regular, refusing
from botify.files.tempdirs import scratch
from botify.lists.loader import LoadedList, kind_of, load_configured, load_list
from botify.lists.reader import ListKind, read_lists
from botify.observability import json_logging
from botify.observability.worker_table import Roster
from botify.recommenders import build_recommenders
from botify.server.data_sync import Keeper, Shelved
from botify.server.discovery import Running, announced, find_running
from botify.server.operations_port import OperationsPort
from botify.server.supervisor import Patience, Supervisor
from botify.server.workers import Listeners, allow_many_connections, work
from botify.session_model.live import Model
from botify.session_model.repository import Shelf
from botify.store.client import Kind, StoreError, connect, store_errors
from botify.store.embedded_valkey import EmbeddedValkey
from botify.store.redis_memory import read_memory, risk

if TYPE_CHECKING:
    from flask import Flask

_IN_MEMORY = Path("/dev/shm")

_log = logging.getLogger("botify.server.run")


def run(config: Config) -> None:
    """Serve until a signal ends it. Raises InputError where it cannot start, SystemExit."""
    # Until the server has its own handler, SIGTERM must unwind this stack too, to stop Valkey.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    json_logging.configure()
    if config.models:
        # Before numpy is imported: a worker's threads would each start as many for a product.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    lists = [of.file for of in config.list_files.values()]
    _require_files([config.catalog_path, *lists, *config.model_files.values()])
    segments.check(config.log_dir)
    allow_many_connections()
    listeners = Listeners(config.host, config.port, config.workers)
    operations = _operations_port(config, listeners)
    with refusing(config.catalog_path):
        catalog = load_catalog(config.catalog_path)
    with ExitStack() as stack:
        shelf = Shelf(stack.enter_context(scratch("models")))
        for name, path in config.model_files.items():
            with refusing(path):
                shelf.put(name, path, len(catalog))
        models = {name: Model(name, shelf, catalog) for name in config.models}
        # What is wrong with them is said here, not by workers.
        build_recommenders(config, catalog, models)
        stack.enter_context(_shared_metrics())
        # Only now: prometheus_client looks for that directory when it is first imported.
        from botify.api.resources import LARGEST_BODY
        from botify.app import create_app, create_operations_app

        embedded = None
        if config.redis_url is None:
            embedded = stack.enter_context(EmbeddedValkey(config.redis_maxmemory))
        elif config.redis_maxmemory is not None:
            _log.warning("redis_maxmemory is of the private Valkey only: that of REDIS_URL counts")
        redis_url = config.redis_url or (embedded.url if embedded else "")
        files = config.list_files
        kinds = {name: kind_of(config, name) for name in files}
        with _reachable(), connect(redis_url) as client:
            loaded = [
                load_configured(client, name, file, kinds[name], len(catalog), config.least_kept)
                for name, file in files.items()
            ]
            published = Publications(config.log_dir)
            for one in loaded:
                previous = one.replaced if one.replaced != one.version else None
                published.record(one.name, one.version, previous)
            for name in models:
                published.record(name, shelf.version(name), None)
            with store_errors():
                if danger := risk(read_memory(client)):
                    _log.warning("%s", danger)
        models_to_watch = Shelved(shelf, config.model_files)
        keeper = Keeper(
            redis_url,
            files,
            kinds,
            len(catalog),
            config.watch_lists,
            embedded,
            models_to_watch,
            config.watch_settle,
            config.least_kept,
            published,
        )
        if embedded:
            stack.enter_context(
                announced(config.data_dir, Running(os.getpid(), listeners.url, redis_url))
            )
        with refusing(files[TOP_TRACKS].file):
            ((_, popular),) = read_lists(files[TOP_TRACKS].file, ListKind.TOP, len(catalog))

        ledger = Ledger.of(config.workers)
        origin = origin_of(config)

        roster = Roster(config.workers)

        def make_app() -> "tuple[Flask, Callable[[], None]]":
            if operations:
                operations.leave()
            client = connect(redis_url, config.redis_timeout)
            app = create_app(config, catalog, client, popular, shelf, ledger, origin, roster)
            return app, app.extensions["botify"].stop

        def on_ready() -> None:
            names = [f"{name} (a model of sessions)" for name in config.models]
            lists = ", ".join([*map(_count, loaded), *names])
            with suppress(OSError):  # who reads it may be gone
                click.echo(f"botify serves {len(catalog):,} tracks, {lists} on {listeners.url}")
                if operations:
                    click.echo(f"health and metrics, whatever the workers do: {operations.url}")

        keeper.start()
        stack.callback(keeper.stop)
        if operations:
            operations.start(create_operations_app(config, roster, ledger))
            stack.callback(operations.stop)
        worker = partial(
            work,
            listeners=listeners,
            make_app=make_app,
            roster=roster,
            threads=config.threads,
            largest_body=LARGEST_BODY,
            body_seconds=config.body_timeout,
        )
        patience = Patience(config.worker_deaths, config.worker_deaths_seconds)
        Supervisor(worker, roster, patience, listeners, on_ready).run()


def load_into_running(
    config: Config,
    name: str,
    path: Path,
    progress: Callable[[int], None],
    port: int | None = None,
    force: bool = False,
) -> str:
    """Put a list file into service; returns what happened, in a sentence. Raises InputError.

    `progress` is told of lists as they are read, some thousands at a time. `port` tells apart
    several services on the same data. With `force`, lists that are lost are no reason to refuse.
    """
    kind = kind_of(config, name)
    redis_url = config.redis_url
    if not redis_url:
        redis_url = _chosen(config.data_dir, find_running(config.data_dir), port).redis_url
    elif port is not None:
        raise InputError("--port is not for a Redis that REDIS_URL, or redis_url, names")
    _require_files([config.catalog_path, path])
    with refusing(config.catalog_path):
        catalog = load_catalog(config.catalog_path)
    file = config.list_files[name].model_copy(update={"file": path})
    least = 0.0 if force else config.least_kept
    with _reachable(), connect(str(redis_url)) as client:
        loaded = load_list(client, name, file, kind, len(catalog), progress=progress, least=least)
    if loaded.replaced == loaded.version:
        return f"{_count(loaded)}: version {loaded.version} is in service already"
    lost = f"; {loaded.lost:,} that had a list before have none now" if loaded.lost else ""
    return f"{_count(loaded)}: version {loaded.version} is in service{lost}"


def _chosen(data_dir: Path, found: list[Running], port: int | None) -> Running:
    """The service that is meant. Raises InputError where it is none of them, or not the only."""
    found = [running for running in found if running.redis_url]
    if not found:
        raise InputError(
            f"no service with an embedded Valkey runs on {data_dir}; start one with "
            "`botify serve`, or set REDIS_URL to the Redis that the service uses"
        )
    chosen = [running for running in found if port in (None, urlsplit(running.url).port)]
    if len(chosen) == 1:
        return chosen[0]
    named = ", ".join(f"{running.url} (pid {running.pid})" for running in found)
    if not chosen:
        raise InputError(f"no service on {data_dir} has port {port}; there runs {named}")
    raise InputError(f"several services run on {data_dir}: {named}; choose one with --port")


def _operations_port(config: Config, listeners: Listeners) -> OperationsPort | None:
    if not config.operations:
        return None
    _, port = listeners.address
    return OperationsPort(config.operations_host, config.operations_port_of(port))


def _count(loaded: LoadedList) -> str:
    return loaded.name if loaded.name == TOP_TRACKS else f"{loaded.name} ({loaded.size:,} lists)"


def _require_files(paths: list[Path]) -> None:
    """Before anything is read or started. Raises InputError for the first that is no file."""
    for path in paths:
        if path.exists():
            open_regular(path).close()
        else:
            raise InputError(
                f"{path}: no such file; `make demo` makes a world with its lists, "
                "or name the directory of yours with --data-dir"
            )


@contextmanager
def _shared_metrics() -> Iterator[None]:
    """A directory in which prometheus_client adds up what the workers count."""
    # In memory where the system has such a place: its files are mapped, and a full disk would
    # kill (SIGBUS) whoever counts.
    with scratch("metrics", _IN_MEMORY if os.access(_IN_MEMORY, os.W_OK) else None) as directory:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)
        yield


_ADVICE: dict[Kind, str] = {
    "connection": "is REDIS_URL right, and does that server run?",
    "timeout": "is REDIS_URL right, and does that server run?",
    "refused": "it answers, so look at that server, and at the user and password in REDIS_URL",
    "full": "it has no memory left; give it more, or another Redis",
}


@contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except StoreError as error:
        raise InputError(f"{error}; {_ADVICE[error.kind]}") from error
