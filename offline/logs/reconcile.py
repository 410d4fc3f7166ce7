"""Served, logged, shipped, analysed: whether each stage has every event of the one before it."""

import json
import re
import urllib.request
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from offline.errors import InputError
from offline.logs.files import find_log_files
from offline.logs.hourly import events_per_hour, hour_of, hour_text
from offline.logs.reader import open_logs
from offline.logs.shop_log import is_shop_log, read_shop_lines

_SERVED = re.compile(r'^botify_events_total\{hour="(\d\d)"\} (\S+)$', re.MULTILINE)


@dataclass(frozen=True)
class Stage:
    """One stage: its events by hour, counted from the epoch, and notes."""

    name: str
    events: Mapping[int, int]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """The events of an hour at each stage, in the order of the stages."""

    hour: str
    events: tuple[int, ...]


@dataclass(frozen=True)
class Reconciliation:
    """The result; `missing` has a sentence for each hour and stage that differ."""

    stages: tuple[str, ...]
    rows: tuple[Row, ...]
    totals: tuple[int, ...]
    missing: tuple[str, ...]
    notes: tuple[str, ...]


def read_served(sources: Sequence[str]) -> Counter[int]:
    """Requests answered by UTC hour of the day, of one or several services or restarts.

    A source is the URL or a saved answer of `/metrics`. Counts are of a process's life: save
    them before it ends. Raises InputError where a source has none.
    """
    served: Counter[int] = Counter()
    for source in sources:
        found = _SERVED.findall(_text(source))
        if not found:
            raise InputError(
                f"{source}: no botify_events_total there; --served wants the service's /metrics"
            )
        for hour, count in found:
            served[int(hour)] += int(float(count))
    return served


def read_log(name: str, paths: Sequence[str]) -> Stage:
    """The events of logs, of either face. Raises InputError as `open_logs`."""
    found = find_log_files(paths)
    if is_shop_log(found.files):
        lines = read_shop_lines(found.files)
        told = [*found.notes]
        if lines.bad:
            told.append(f"{lines.bad} lines are none of the shop face and have no hour")
        return Stage(name, lines.per_hour, tuple(f"{name}: {note}" for note in told))
    with open_logs(paths) as log:
        rows = events_per_hour(log)
        bad = f"{name}: {log.bad_lines} lines are no events and have no hour"
        notes = [bad] if log.bad_lines else []
        notes += (f"{name}: {note}" for note in log.notes)
    return Stage(name, rows, tuple(notes))


def read_analysed(path: Path) -> Stage:
    """The events that an analysis read, from its JSON. Raises InputError where it is none."""
    try:
        log = json.loads(path.read_text())["log"]
        events = {hour_of(text): int(count) for text, count in log["events_per_hour"].items()}
        duplicates = int(log["duplicates"])
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not from `botify-offline analyze --json` ({error})") from error
    note = f"analysed: {duplicates} repeat an earlier line and were left out of the verdict"
    return Stage("analysed", events, (note,) if duplicates else ())


def reconcile(served: Counter[int] | None, stages: Sequence[Stage]) -> Reconciliation:
    """Compare stages in the order in which events pass them.

    `served` is by hour of the day. Where the stages span more than a day, all are
    compared by hour of the day.
    """
    hours = {hour for stage in stages for hour in stage.events}
    by_day = served is not None and bool(hours) and max(hours) - min(hours) >= 24
    counts: list[Counter[int]] = []
    for stage in stages:
        counts.append(Counter())
        for hour, count in stage.events.items():
            counts[-1][hour % 24 if by_day else hour] += count
    names = [stage.name for stage in stages]
    if served is not None:
        names.insert(0, "served")
        counts.insert(0, served if by_day else _on_days(served, hours))
    keys = sorted(set().union(*counts))
    rows = tuple(
        Row(f"{key:02} h" if by_day else hour_text(key), tuple(count[key] for count in counts))
        for key in keys
        if any(count[key] for count in counts)
    )
    return Reconciliation(
        stages=tuple(names),
        rows=rows,
        totals=tuple(count.total() for count in counts),
        missing=tuple(_missing(names, rows)),
        notes=tuple(note for stage in stages for note in stage.notes),
    )


def _on_days(served: Counter[int], hours: set[int]) -> Counter[int]:
    """Hours of the day as hours since the epoch, around those that the stages have."""
    first = min(hours, default=0)
    return Counter({first + (hour - first) % 24: count for hour, count in served.items()})


def _missing(names: Sequence[str], rows: Sequence[Row]) -> list[str]:
    found = []
    for row in rows:
        pairs = zip(names, names[1:], row.events, row.events[1:], strict=False)
        for before, after, had, has in pairs:
            if has < had:
                found.append(f"{row.hour}: of {had:,} {before}, {had - has:,} were not {after}")
            elif has > had:
                found.append(f"{row.hour}: {has - had:,} more {after} than {before} ({had:,})")
    return found


def _text(source: str) -> str:
    try:
        if source.startswith(("http://", "https://")):
            with urllib.request.urlopen(source, timeout=10) as answer:
                return str(answer.read().decode())
        return Path(source).read_text()
    except OSError as error:
        raise InputError(f"{source}: {error}") from error
