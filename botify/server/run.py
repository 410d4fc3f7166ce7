"""The two commands of `botify`: wire catalog, Redis, lists and workers together."""

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import click

from botify.catalog import load_catalog
from botify.config import (
    ITEM_LIST,
    POPULAR_LIST,
    TOP_TRACKS,
    AnyConfig,
    Config,
    RatingsConfig,
    ServiceConfig,
    ShopConfig,
)
from botify.config.load import ConfigFile
from botify.errors import InputError
from botify.event_log import segments
from botify.event_log.faces import check_face
from botify.event_log.ledger import Ledger
from botify.event_log.provenance import provenance_of
from botify.event_log.publications import Publications
from botify.files.reading import as_input_errors, open_regular
from botify.files.tempdirs import temporary_directory
from botify.lists.loader import LoadedList, kind_of, load_configured, load_list
from botify.lists.reader import ListKind
from botify.observability import json_logging
from botify.observability.worker_reports import read_reports
from botify.observability.worker_table import WorkerTable
from botify.server.config_sync import ConfigSync
from botify.server.data_sync import DataSync, FileRules, first_rounds
from botify.server.discovery import ServiceRecord, advertise, find_services
from botify.server.faces import FaceData, files_of, read_face
from botify.server.operations_port import OperationsPort
from botify.server.publication_sync import PublicationSync
from botify.server.supervisor import RestartLimit, Supervisor
from botify.server.sync_thread import SyncThread
from botify.server.workers import Listeners, allow_many_connections, run_worker
from botify.store.client import Kind, StoreError, connect, store_errors
from botify.store.embedded_valkey import EmbeddedValkey
from botify.store.keys import keys_of
from botify.store.redis_memory import eviction_risk, read_redis_memory

if TYPE_CHECKING:
    from flask import Flask

_IN_MEMORY = Path("/dev/shm")

_log = logging.getLogger("botify.server.run")


def run(source: ConfigFile) -> None:
    """Serve until a signal. Raises InputError if it cannot start, and SystemExit."""
    config = source.load()
    # Until the supervisor has its own handler, SIGTERM must unwind this stack, to stop Valkey.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # until the config can be loaded again
    json_logging.configure()
    _require_files(files_of(config), config)
    segments.check(config.log_dir)
    check_face(config.log_dir, config.face)
    allow_many_connections()
    listeners = Listeners(config.host, config.port, config.workers)
    operations = _operations_port(config, listeners)
    with ExitStack() as stack:
        face = read_face(config, stack)
        stack.enter_context(_shared_metrics())
        # Only now: prometheus_client looks for that directory when it is first imported.
        from botify.app import LARGEST_BODY, create_app, create_operations_app

        publications = Publications(config.log_dir)
        redis = None
        if not isinstance(config, RatingsConfig):
            redis = _load_lists(config, face, publications, stack)
        provenance = provenance_of(config, face.versions)
        config_state = stack.enter_context(temporary_directory("config")) / "state.json"
        config_sync = ConfigSync(
            source,
            config,
            face.build,
            lambda changed: provenance_of(changed, face.versions).run,
            config_state,
        )
        signal.signal(signal.SIGUSR1, config_sync.ask)
        sync: SyncThread
        if redis is None:
            reports = partial(read_reports, Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]))
            sync = PublicationSync(config_sync, publications, reports)
        else:
            data_sync = DataSync(
                redis.url,
                config.list_files,
                redis.kinds,
                face.n_tracks,
                FileRules(config.watch_lists, config.watch_settle, config.least_kept),
                embedded=redis.embedded,
                models=face.models,
                publications=publications,
                keys=keys_of(config.face),
                config=config_sync,
            )
            data_sync.jobs = face.jobs
            sync = data_sync
        if redis is not None and redis.embedded:
            stack.enter_context(
                advertise(config.data_dir, ServiceRecord(os.getpid(), listeners.url, redis.url))
            )
        ledger = Ledger.of(config.workers)
        table = WorkerTable(config.workers)

        def make_app() -> "tuple[Flask, Callable[[], None]]":
            if operations:
                operations.leave()
            client = connect(redis.url, config.redis_timeout) if redis else None
            app = create_app(
                config,
                face.catalog,
                client,
                face.popular,
                face.repository,
                ledger,
                provenance,
                table,
                config_state,
            )
            return app, app.extensions["botify"].stop

        def on_ready() -> None:
            names = [f"{name} ({face.models_are})" for name in face.model_names]
            lists = map(_count, redis.loaded if redis else ())
            served = ", ".join(filter(None, [face.what, *lists, *names]))
            with suppress(OSError):  # nothing may read it any more
                click.echo(f"botify serves {served} on {listeners.url}")
                if operations:
                    click.echo(f"health and metrics are on {operations.url}")

        sync.start()
        stack.callback(sync.stop)
        if operations:
            operations.start(create_operations_app(lambda: config_sync.running, table, ledger))
            stack.callback(operations.stop)
        worker = partial(
            run_worker,
            listeners=listeners,
            make_app=make_app,
            table=table,
            threads=config.threads,
            largest_body=LARGEST_BODY[config.face],
            body_seconds=config.body_timeout,
        )
        limit = RestartLimit(config.worker_deaths, config.worker_deaths_seconds)
        Supervisor(worker, table, limit, listeners, on_ready).run()


class _Redis(NamedTuple):
    """Redis, with what was loaded into it."""

    url: str
    embedded: EmbeddedValkey | None
    """The server at `url`, if it is ours."""
    kinds: dict[str, ListKind]
    loaded: list[LoadedList]


def _load_lists(
    config: Config | ShopConfig, face: FaceData, publications: Publications, stack: ExitStack
) -> _Redis:
    """Start Redis where none is configured, and load the lists of the config into it."""
    embedded = None
    if config.redis_url is None:
        embedded = stack.enter_context(EmbeddedValkey(config.redis_maxmemory))
    elif config.redis_maxmemory is not None:
        _log.warning("redis_maxmemory is ignored: it is for the private Valkey, not for REDIS_URL")
    url = config.redis_url or (embedded.url if embedded else "")
    files, keys = config.list_files, keys_of(config.face)
    kinds = {name: kind_of(config, name) for name in files}
    with _reachable(), connect(url) as client:
        loaded = [
            load_configured(
                client, name, file, kinds[name], face.n_tracks, config.least_kept, keys
            )
            for name, file in files.items()
        ]
        for one in loaded:
            replaced = one.replaced if one.replaced != one.version else None
            publications.observe(one.name, one.version, replaced)
        for name in face.model_names:
            publications.observe(name, face.model_version(name))
        with store_errors():
            if danger := eviction_risk(read_redis_memory(client)):
                _log.warning("%s", danger)
        first_rounds(face.jobs, client)
    return _Redis(url, embedded, kinds, loaded)


def load_into_service(
    config: AnyConfig,
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
    if isinstance(config, RatingsConfig):
        raise InputError(
            "the ratings face has no lists: `botify-offline publish` changes what it serves"
        )
    kind = kind_of(config, name)
    redis_url = config.redis_url
    if not redis_url:
        redis_url = _chosen(config.data_dir, find_services(config.data_dir), port).redis_url
    elif port is not None:
        raise InputError(
            "--port selects a service with an embedded Valkey; leave it out where REDIS_URL or "
            "redis_url is set"
        )
    n_tracks = 0
    if isinstance(config, Config):
        _require_files([config.catalog_path], config)
        with as_input_errors(config.catalog_path):
            n_tracks = len(load_catalog(config.catalog_path))
    _require_files([path], config)
    file = config.list_files[name].model_copy(update={"file": path})
    min_kept = 0.0 if force else config.least_kept
    with _reachable(), connect(str(redis_url)) as client:
        loaded = load_list(
            client,
            name,
            file,
            kind,
            n_tracks,
            progress=progress,
            min_kept=min_kept,
            keys=keys_of(config.face),
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


def _operations_port(config: ServiceConfig, listeners: Listeners) -> OperationsPort | None:
    if not config.operations:
        return None
    _, port = listeners.address
    return OperationsPort(config.operations_host, config.operations_port_of(port))


def _count(loaded: LoadedList) -> str:
    if loaded.name == ITEM_LIST:
        return f"{loaded.size:,} items"
    if loaded.name in (TOP_TRACKS, POPULAR_LIST):
        return loaded.name
    return f"{loaded.name} ({loaded.size:,} lists)"


_MAKES = {
    "music": (
        "`make demo` makes a world with its lists, or name the directory of yours with --data-dir"
    ),
    "shop": "`botify-offline export` writes it; --data-dir names the directory",
    "ratings": "`make ratings` makes one",
}


def _require_files(paths: list[Path], config: AnyConfig) -> None:
    """Before anything is read or started. Raises InputError for the first that does not exist."""
    for path in paths:
        if path.exists():
            open_regular(path).close()
        else:
            raise InputError(f"{path}: no such file; {_MAKES[config.face]}")


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
