"""The two commands of `botify`: wire catalog, Redis, lists and workers together."""

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
from botify.config import RECOMMENDERS, TOP_TRACKS, Config
from botify.errors import InputError
from botify.event_log import segments
from botify.event_log.ledger import Ledger
from botify.event_log.provenance import provenance_of
from botify.event_log.publications import Publications
from botify.files.reading import as_input_errors, open_regular
from botify.files.tempdirs import temporary_directory
from botify.lists.loader import LoadedList, kind_of, load_configured, load_list
from botify.lists.reader import ListKind, read_lists
from botify.observability import json_logging
from botify.observability.worker_table import WorkerTable
from botify.recommenders import Resources, build_recommenders
from botify.server.data_sync import DataSync, FileRules, WatchedModels
from botify.server.discovery import ServiceRecord, advertise, find_services
from botify.server.operations_port import OperationsPort
from botify.server.supervisor import RestartLimit, Supervisor
from botify.server.workers import Listeners, allow_many_connections, run_worker
from botify.session_model.live import LiveModel
from botify.session_model.repository import ModelRepository
from botify.store.client import Kind, StoreError, connect, store_errors
from botify.store.embedded_valkey import EmbeddedValkey
from botify.store.redis_memory import eviction_risk, read_redis_memory

if TYPE_CHECKING:
    from flask import Flask

_IN_MEMORY = Path("/dev/shm")

_log = logging.getLogger("botify.server.run")


def run(config: Config) -> None:
    """Serve until a signal. Raises InputError if it cannot start, and SystemExit."""
    # Until the supervisor has its own handler, SIGTERM must unwind this stack, to stop Valkey.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    json_logging.configure()
    lists = [of.file for of in config.list_files.values()]
    _require_files([config.catalog_path, *lists, *config.model_files.values()])
    segments.check(config.log_dir)
    allow_many_connections()
    listeners = Listeners(config.host, config.port, config.workers)
    operations = _operations_port(config, listeners)
    with as_input_errors(config.catalog_path):
        catalog = load_catalog(config.catalog_path)
    with ExitStack() as stack:
        repository = ModelRepository(stack.enter_context(temporary_directory("models")))
        for name, path in config.model_files.items():
            with as_input_errors(path):
                repository.put(name, path, len(catalog))
        models = {name: LiveModel(name, repository, catalog) for name in config.models}
        # All plug-ins, used or not: before workers are forked, which so share what was imported.
        RECOMMENDERS.load_added()
        for problem in RECOMMENDERS.problems:
            _log.error("%s", problem)
        # Here too, so that mistakes are reported before workers start.
        build_recommenders(config, Resources(catalog, models, config.list_owners))
        stack.enter_context(_shared_metrics())
        # Only now: prometheus_client looks for that directory when it is first imported.
        from botify.api.resources import MAX_BODY_BYTES
        from botify.app import create_app, create_operations_app

        embedded = None
        if config.redis_url is None:
            embedded = stack.enter_context(EmbeddedValkey(config.redis_maxmemory))
        elif config.redis_maxmemory is not None:
            _log.warning(
                "redis_maxmemory is ignored: it is for the private Valkey, not for REDIS_URL"
            )
        redis_url = config.redis_url or (embedded.url if embedded else "")
        files = config.list_files
        kinds = {name: kind_of(config, name) for name in files}
        with _reachable(), connect(redis_url) as client:
            loaded = [
                load_configured(client, name, file, kinds[name], len(catalog), config.least_kept)
                for name, file in files.items()
            ]
            publications = Publications(config.log_dir)
            for one in loaded:
                replaced = one.replaced if one.replaced != one.version else None
                publications.observe(one.name, one.version, replaced)
            for name in models:
                publications.observe(name, repository.version(name))
            with store_errors():
                if danger := eviction_risk(read_redis_memory(client)):
                    _log.warning("%s", danger)
        sync = DataSync(
            redis_url,
            files,
            kinds,
            len(catalog),
            FileRules(config.watch_lists, config.watch_settle, config.least_kept),
            embedded=embedded,
            models=WatchedModels(repository, config.model_files),
            publications=publications,
        )
        if embedded:
            stack.enter_context(
                advertise(config.data_dir, ServiceRecord(os.getpid(), listeners.url, redis_url))
            )
        with as_input_errors(files[TOP_TRACKS].file):
            ((_, popular),) = read_lists(files[TOP_TRACKS].file, ListKind.TOP, len(catalog))

        ledger = Ledger.of(config.workers)
        provenance = provenance_of(config)

        table = WorkerTable(config.workers)

        def make_app() -> "tuple[Flask, Callable[[], None]]":
            if operations:
                operations.leave()
            client = connect(redis_url, config.redis_timeout)
            app = create_app(
                config, catalog, client, popular, repository, ledger, provenance, table
            )
            return app, app.extensions["botify"].stop

        def on_ready() -> None:
            names = [f"{name} (session model)" for name in config.models]
            lists = ", ".join([*map(_count, loaded), *names])
            with suppress(OSError):  # nothing may read it any more
                click.echo(f"botify serves {len(catalog):,} tracks, {lists} on {listeners.url}")
                if operations:
                    click.echo(f"health and metrics are on {operations.url}")

        sync.start()
        stack.callback(sync.stop)
        if operations:
            operations.start(create_operations_app(config, table, ledger))
            stack.callback(operations.stop)
        worker = partial(
            run_worker,
            listeners=listeners,
            make_app=make_app,
            table=table,
            threads=config.threads,
            largest_body=MAX_BODY_BYTES,
            body_seconds=config.body_timeout,
        )
        limit = RestartLimit(config.worker_deaths, config.worker_deaths_seconds)
        Supervisor(worker, table, limit, listeners, on_ready).run()


def load_into_service(
    config: Config,
    name: str,
    path: Path,
    progress: Callable[[int], None],
    port: int | None = None,
    force: bool = False,
) -> str:
    """Put a list file into service; returns what happened, in a sentence. Raises InputError.

    `progress` is called with numbers of lists as they are read, some hundreds at a time. `port`
    selects one of several services on the same data. With `force`, the file may have lists for
    any part of the users in service.
    """
    kind = kind_of(config, name)
    redis_url = config.redis_url
    if not redis_url:
        redis_url = _chosen(config.data_dir, find_services(config.data_dir), port).redis_url
    elif port is not None:
        raise InputError(
            "--port selects a service with an embedded Valkey; leave it out where REDIS_URL or "
            "redis_url is set"
        )
    _require_files([config.catalog_path, path])
    with as_input_errors(config.catalog_path):
        catalog = load_catalog(config.catalog_path)
    file = config.list_files[name].model_copy(update={"file": path})
    min_kept = 0.0 if force else config.least_kept
    with _reachable(), connect(str(redis_url)) as client:
        loaded = load_list(
            client, name, file, kind, len(catalog), progress=progress, min_kept=min_kept
        )
    if loaded.replaced == loaded.version:
        return f"{_count(loaded)}: version {loaded.version} is already in service"
    lost = f"; {loaded.lost:,} owners of a list before have none now" if loaded.lost else ""
    return f"{_count(loaded)}: version {loaded.version} is in service{lost}"


def _chosen(data_dir: Path, found: list[ServiceRecord], port: int | None) -> ServiceRecord:
    """The service that `port` selects. Raises InputError if there is none, or several."""
    found = [service for service in found if service.redis_url]
    if not found:
        raise InputError(
            f"no service with an embedded Valkey runs on {data_dir}; start one with "
            "`botify serve`, or set REDIS_URL to the Redis that the service uses"
        )
    chosen = [service for service in found if port in (None, urlsplit(service.url).port)]
    if len(chosen) == 1:
        return chosen[0]
    named = ", ".join(f"{service.url} (pid {service.pid})" for service in found)
    if not chosen:
        raise InputError(f"no service on {data_dir} has port {port}; running: {named}")
    raise InputError(f"several services run on {data_dir}: {named}; choose one with --port")


def _operations_port(config: Config, listeners: Listeners) -> OperationsPort | None:
    if not config.operations:
        return None
    _, port = listeners.address
    return OperationsPort(config.operations_host, config.operations_port_of(port))


def _count(loaded: LoadedList) -> str:
    return loaded.name if loaded.name == TOP_TRACKS else f"{loaded.name} ({loaded.size:,} lists)"


def _require_files(paths: list[Path]) -> None:
    """Before anything is read or started. Raises InputError for the first that does not exist."""
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
    """A directory in which prometheus_client adds up the counters of the workers."""
    # In memory if possible: its files are mapped, and a full disk would kill (SIGBUS) the process
    # that counts.
    with temporary_directory(
        "metrics", _IN_MEMORY if os.access(_IN_MEMORY, os.W_OK) else None
    ) as directory:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)
        yield


_ADVICE: dict[Kind, str] = {
    "connection": "is REDIS_URL right, and does that server run?",
    "timeout": "is REDIS_URL right, and does that server run?",
    "refused": "it answers, so check that server, and the user and password in REDIS_URL",
    "full": "it has no memory left; give it more, or another Redis",
}


@contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except StoreError as error:
        raise InputError(f"{error}; {_ADVICE[error.kind]}") from error
