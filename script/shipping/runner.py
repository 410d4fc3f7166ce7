"""Runs a command: one round of shipping, or round after round while the service writes."""

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

from script.shipping.errors import InputError, IntegrityError
from script.shipping.follow import follow
from script.shipping.lock import exclusive_lock
from script.shipping.markers import mark_shipped, unmark
from script.shipping.publications import ship_publications
from script.shipping.retry import retry_for
from script.shipping.safe_names import printable
from script.shipping.ship import Shipment, Shipper
from script.shipping.sources.directory import LogFile, find_logs
from script.shipping.sources.docker import fetch_logs
from script.shipping.targets.base import Target
from script.shipping.transfer import Options


@dataclass(frozen=True)
class Source:
    """Where logs come from: containers or, if none are named, a local directory."""

    user: str | None
    """Owner of the /user/USER that they go to."""
    recommenders: tuple[str, ...]
    """Their number, or their names."""
    project: str | None
    log_dir: Path
    """Inside the containers, if they are the source."""


@dataclass(frozen=True)
class Settings:
    """The options of a command."""

    source: Source
    options: Options
    every: float | None
    """Seconds between rounds; None for a single round."""
    marks: bool
    resends: bool


def run(settings: Settings, target: Target, cleanup: bool = False) -> None:
    """Ship, and print a summary. With `cleanup` the first round replaces the target's content."""
    with exclusive_lock(target) as owner, _bar() as bar:
        adding = threading.Lock()

        def advance(count: int) -> None:
            with adding:
                bar.update(count)

        shipper = Shipper(target, settings.options, advance, owner)
        replaces = cleanup
        told: set[str] = set()

        def once() -> None:
            nonlocal replaces
            with _logs(settings.source, is_first=replaces or settings.every is None) as logs:
                bar.reset(sum(log.size for log in logs))
                began = time.monotonic()
                with _unmarking(logs, settings.source):
                    done = (
                        shipper.replace(logs) if replaces else shipper.ship(logs, settings.resends)
                    )
                    places = [log.path.parent for log in logs]
                    retry_for(
                        lambda: ship_publications(target, places), settings.options.retry_seconds
                    )
                    seconds = time.monotonic() - began
                    replaces = False
                    if settings.marks:
                        shipper.confirm()
                        mark_shipped(done.there)
                _tell(done, told)
                if done.shipped or settings.every is None:
                    bar.clear()
                    click.echo(_summary(done, seconds, target))

        if settings.every is None:
            once()
        else:
            follow(once, settings.every, lambda error: _note(f"{error}; retrying"))


@contextmanager
def _logs(source: Source, is_first: bool) -> Iterator[list[LogFile]]:
    """The logs with at least one complete line; the first time, notes name what is not shipped.

    Raises InputError if there is nothing to ship, the first time.
    """
    with tempfile.TemporaryDirectory(prefix="botify-logs-") as copies:
        if source.recommenders:
            where = f"{source.log_dir} of the containers"
            found, notes = fetch_logs(
                source.recommenders, source.project, Path(copies), source.log_dir
            )
            for note in notes if is_first else ():
                _note(note)
        else:
            where = f"{source.log_dir} (--log-dir)"
            found = find_logs(source.log_dir)
        if is_first:
            if not found:
                raise InputError(
                    f"{where}: no data.json* there; the service writes one when it answers"
                )
            for log in found:
                if log.unfinished:
                    _note(
                        f"{log.name}: the last line is incomplete; its {log.unfinished} bytes "
                        "are not shipped yet"
                    )
        logs = [log for log in found if log.size]
        if not logs and is_first:
            raise InputError(f"{where}: no data.json* there has a complete line yet")
        yield logs


@contextmanager
def _unmarking(logs: list[LogFile], source: Source) -> Iterator[None]:
    """If the target turns out to lack lines, remove the markers of their logs."""
    try:
        yield
    except IntegrityError as error:
        names = [] if source.recommenders else unmark(logs, error.firsts)
        if names:
            _note(f"no longer marked as shipped: {', '.join(names)}")
        raise


def _tell(done: Shipment, told: set[str]) -> None:
    """Print what may be unexpected; each duplicate is named once."""
    for log in done.shorter:
        _note(f"{log.name}: is the beginning of a log that was shipped; it has nothing new")
    same = [text for text in map(str, done.same) if text not in told]
    if same:
        _note(f"duplicate logs, shipped once: {'; '.join(same)}")
        told.update(same)
    if done.resent:
        _note(f"sent again, because they were missing at the target: {', '.join(done.resent)}")


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
    click.echo(f"Note: {printable(text)}", err=True)
