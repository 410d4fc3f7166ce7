"""The run of a command: one round of shipping, or one after another while the service writes."""

import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import click
from tqdm import tqdm

from script.containers import LOG_DIR, fetch_logs
from script.errors import InputError
from script.follow import follow
from script.lock import only_one
from script.marks import mark_shipped
from script.ship import Shipment, Shipper
from script.sources import LogFile, find_logs
from script.targets import Target
from script.transfer import Options


@dataclass(frozen=True)
class Source:
    """Where logs come from: containers, or a local directory where none are named."""

    user: str | None
    """Not a source: whose /user/USER they go to."""
    recommenders: tuple[str, ...]
    """How many of them, or their names."""
    project: str | None
    log_dir: Path


@dataclass(frozen=True)
class Settings:
    """What a command was asked to do."""

    source: Source
    options: Options
    every: float | None
    """Seconds between rounds; None: there is one."""
    marks: bool


def run(settings: Settings, target: Target, cleanup: bool = False) -> None:
    """Ship, and say what was done. With `cleanup` the first round replaces what is there."""
    with only_one(target), _bar() as bar:
        adding = threading.Lock()

        def advance(count: int) -> None:
            with adding:
                bar.update(count)

        shipper = Shipper(target, settings.options, advance)
        replaces = cleanup

        def once() -> None:
            nonlocal replaces
            with _logs(settings.source, is_first=replaces or settings.every is None) as logs:
                bar.reset(sum(log.size for log in logs))
                began = time.monotonic()
                done = shipper.replace(logs) if replaces else shipper.ship(logs)
                seconds = time.monotonic() - began
                replaces = False
                if settings.marks:
                    mark_shipped([*done.shipped, *done.unchanged])
                for log in done.shorter:
                    _note(f"{log.name}: was cut since it was shipped; it has nothing new")
                if done.shipped or settings.every is None:
                    bar.clear()
                    click.echo(_summary(done, seconds, target))

        if settings.every is None:
            once()
        else:
            follow(once, settings.every, lambda error: _note(f"{error}; trying again"))


@contextmanager
def _logs(source: Source, is_first: bool) -> Iterator[list[LogFile]]:
    """The logs with at least one whole line; what stays behind is said the first time.

    Raises InputError where there is nothing to ship, the first time.
    """
    with tempfile.TemporaryDirectory(prefix="botify-logs-") as copies:
        if source.recommenders:
            where = f"{LOG_DIR} of the containers"
            found, left = fetch_logs(source.recommenders, source.project, Path(copies))
            if left and is_first:
                _note(f"not asked for, so not shipped: {', '.join(left)}")
        else:
            where = f"{source.log_dir} (--log-dir)"
            found = find_logs(source.log_dir)
        if is_first:
            if not found:
                raise InputError(
                    f"{where}: no data.json* there; the service writes them as it answers"
                )
            for log in found:
                if log.unfinished:
                    _note(f"{log.name}: last line unfinished, {log.unfinished} bytes stay behind")
        logs = [log for log in found if log.size]
        if not logs and is_first:
            raise InputError(f"{where}: no data.json* there has a whole line yet")
        yield logs


@contextmanager
def _bar() -> Iterator["tqdm[NoReturn]"]:
    shown = sys.stderr.isatty()
    bar: tqdm[NoReturn] = tqdm(unit="B", unit_scale=True, disable=not shown, total=0)
    with bar:
        yield bar


def _summary(done: Shipment, seconds: float, target: Target) -> str:
    rate = done.bytes / 1e6 / seconds
    return (
        f"Files shipped: {len(done.shipped)} (already there: {len(done.unchanged)}); "
        f"{done.bytes} bytes in {done.parts} part{'s' * (done.parts != 1)} in {seconds:.1f} s "
        f"({rate:.2f} MB/s) to {target}"
    )


def _note(text: str) -> None:
    click.echo(f"Note: {text}", err=True)
