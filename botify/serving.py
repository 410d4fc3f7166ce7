"""The two commands of `botify`: wires catalog, Redis, lists and workers together."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click
from flask import Flask

from botify.app import create_app
from botify.catalog import load_catalog
from botify.config import TOP_TRACKS, Config
from botify.embedded import embedded_valkey
from botify.errors import InputError
from botify.event_log import EventLog, log_name
from botify.list_loader import LoadedList, kind_of, load_list
from botify.running import Running, announced, find_running
from botify.server import listen, serve
from botify.store import StoreError, connect


def run(config: Config) -> None:
    """Serve until a signal ends it; raises SystemExit then, InputError where it cannot start."""
    # Until gunicorn has its own handler, SIGTERM must unwind this stack too, to stop Valkey.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    _require_files([config.catalog_path, *config.list_paths.values()])
    _prepare(config)
    listeners = listen(config.host, config.port, config.workers)
    host, port = listeners[0].getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    catalog = load_catalog(config.catalog_path)
    with ExitStack() as stack:
        redis_url = config.redis_url or stack.enter_context(embedded_valkey())
        loaded = []
        with _reachable(), connect(redis_url) as client:
            for name, path in config.list_paths.items():
                kind = kind_of(config, name)
                loaded.append(load_list(client, name, path, kind, len(catalog)))
        if config.redis_url is None:
            stack.enter_context(announced(config.data_dir, Running(os.getpid(), url, redis_url)))

        def make_app(worker: int) -> Flask:
            return create_app(config, catalog, connect(redis_url), worker)

        def on_ready() -> None:
            lists = ", ".join(map(_count, loaded))
            click.echo(f"botify serves {len(catalog):,} tracks, {lists} on {url}")

        serve(listeners, make_app, config.workers, config.threads, on_ready)


def load_into_running(config: Config, name: str, path: Path) -> str:
    """Put a list file into service; returns what happened, in a sentence. Raises InputError."""
    kind = kind_of(config, name)
    running = None if config.redis_url else find_running(config.data_dir)
    redis_url = config.redis_url or (running and running.redis_url)
    if not redis_url:
        raise InputError(
            f"no service with an embedded Valkey runs on {config.data_dir}; start one with "
            "`botify serve`, or set REDIS_URL to the Redis that the service uses"
        )
    _require_files([config.catalog_path])
    catalog = load_catalog(config.catalog_path)
    with _reachable(), connect(redis_url) as client:
        loaded = load_list(client, name, path, kind, len(catalog))
    if loaded.replaced == loaded.version:
        return f"{_count(loaded)}: version {loaded.version} is in service already"
    return f"{_count(loaded)}: version {loaded.version} is in service"


def _count(loaded: LoadedList) -> str:
    return loaded.name if loaded.name == TOP_TRACKS else f"{loaded.name} ({loaded.size:,} lists)"


def _require_files(paths: list[Path]) -> None:
    for path in paths:
        if not path.is_file():
            raise InputError(
                f"{path}: no such file; `make demo` makes a world with its lists, "
                "or name the directory of yours with --data-dir"
            )


def _prepare(config: Config) -> None:
    """Open each worker's log once: what is wrong with one is said here, not by a dying worker."""
    for worker in range(config.workers):
        path = config.log_dir / log_name(worker, config.workers)
        try:
            EventLog(path).close()
        except OSError as error:
            raise InputError(f"{path}: cannot hold the event log ({error.strerror})") from error


@contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except StoreError as error:
        raise InputError(f"{error}; is REDIS_URL right, and does that server run?") from error
