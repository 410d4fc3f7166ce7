"""The events of a shop from before: from its own tables to lines of the shop face's event log."""

import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from contract.errors import FormatError
from contract.events import LOG_NAME
from contract.ids import owner_id
from contract.shop_events import KINDS, REQUEST_KEYS, ShopEvent, parse_shop_event
from contract.timestamps import parse_timestamp
from offline.engine.progress import Report
from offline.engine.quoting import literal, quoted
from offline.errors import InputError
from offline.importing.stage import columns_of, escaped
from offline.logs.bad_lines import BAD_STOP

_DAY_MS = 86_400_000
_BATCH = 50_000
_NUMBERS = ("value", "price", "quantity")


class Shape(NamedTuple):
    """Which columns a shop's table has."""

    name: str
    columns: Mapping[str, str]
    """Column by field of an event."""
    kinds: Mapping[str, str]
    """Kinds of event that have other names there."""


SHAPES = (
    Shape(
        "RetailRocket",
        {
            "user": "visitorid",
            "item": "itemid",
            "event": "event",
            "timestamp": "timestamp",
            "transaction": "transactionid",
        },
        {},
    ),
    Shape(
        "REES46",
        {
            "user": "user_id",
            "item": "product_id",
            "event": "event_type",
            "timestamp": "event_time",
            "session": "user_session",
            "price": "price",
        },
        {"cart": "addtocart", "purchase": "transaction"},
    ),
    Shape("own names", {name: name for name in REQUEST_KEYS}, {}),
)
_NEEDED = ("user", "item", "event", "timestamp")


class History(NamedTuple):
    """What was written."""

    path: Path
    events: int
    shape: str
    kinds: Mapping[str, int]
    repeated: int
    """Rows that say the same as another one: one event."""
    faults: Mapping[str, int]
    """Rows that were left out, by reason."""

    def notes(self) -> list[str]:
        """For a person."""
        told = ", ".join(f"{count:,} {kind}" for kind, count in self.kinds.items())
        notes = [f"{self.events:,} events ({told}) by the columns of {self.shape} -> {self.path}"]
        if self.repeated:
            notes.append(f"{self.repeated:,} rows say the same as another one and are one event")
        notes += [f"{count:,} rows left out: {why}" for why, count in self.faults.items()]
        if others := [kind for kind in self.kinds if kind not in KINDS]:
            notes.append(
                f"kinds to be named in the service's config, in events.kinds: {', '.join(others)}"
            )
        return notes


def write_history(
    source: Path, out: Path, allow_bad: bool = False, report: Report = lambda share: None
) -> History:
    """Write the events of a table into a directory, as lines of an event log, in order of time.

    `source`: a CSV, Parquet or JSON Lines file with the columns of one of `SHAPES`, or a directory
    with `events.csv`. The id of an event is made of what it says: to import it again adds nothing.
    Raises InputError for what is none, and for more than 5 % of bad rows.
    """
    path = source / "events.csv" if source.is_dir() else source
    if not path.is_file():
        raise InputError(f"{path}: no such file of events (--events)")
    out.mkdir(parents=True, exist_ok=True)
    new = out / f".{LOG_NAME}.import-{os.getpid()}"
    kinds: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    digest = hashlib.sha256()
    repeated = 0
    try:
        with new.open("wb") as file, duckdb.connect() as connection:
            shape, rows = _rows(connection, path, report)
            latest = int(time.time() * 1000) + _DAY_MS
            at, known = -1, set[str]()
            for row in rows:
                try:
                    event = _event(shape, row, latest)
                except FormatError as error:
                    faults[str(error)] += 1
                    continue
                line = _line(event)
                if event.timestamp != at:
                    at = event.timestamp or 0
                    known.clear()
                if line["id"] in known:
                    repeated += 1
                    continue
                known.add(line["id"])
                kinds[event.event] += 1
                text = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode()
                file.write(text + b"\n")
                digest.update(text)
        total = kinds.total() + repeated + faults.total()
        if not kinds or (faults.total() > BAD_STOP * total and not allow_bad):
            first = f", such as: {next(iter(faults))}" if faults else ""
            raise InputError(
                f"{path}: {faults.total():,} of {total:,} rows are no events{first}; --allow-bad "
                "leaves them out"
            )
        target = out / f"{LOG_NAME}.import-{digest.hexdigest()[:12]}"
        new.replace(target)
    except duckdb.Error as error:
        raise InputError(f"{path} cannot be read: {str(error).splitlines()[0]}") from error
    except OSError as error:
        raise InputError(f"cannot write {out}: {error.strerror or error}") from error
    finally:
        new.unlink(missing_ok=True)
    return History(target, kinds.total(), shape.name, kinds, repeated, faults)


def _rows(
    connection: duckdb.DuckDBPyConnection, path: Path, report: Report
) -> tuple[Shape, Iterator[dict[str, Any]]]:
    """The shape of a table, and its rows in order of time: text or null by field."""
    suffixes = [suffix for suffix in path.suffixes if suffix not in (".gz", ".zst")]
    suffix = suffixes[-1].lower() if suffixes else ""
    if suffix in (".parquet", ".pq"):
        there = columns_of(path, "parquet")
        relation = f"read_parquet({literal(escaped(path))})"
    elif suffix in (".jsonl", ".ndjson", ".json"):
        there = columns_of(path, "jsonl")
        types = ", ".join(f"{quoted(name)}: 'VARCHAR'" for name in there)
        relation = (
            f"read_json({literal(escaped(path))}, format='newline_delimited', columns={{{types}}})"
        )
    else:
        there = columns_of(path, "text")
        relation = f"read_csv({literal(escaped(path))}, header=true, all_varchar=true)"
    shape = next(
        (one for one in SHAPES if {one.columns[name] for name in _NEEDED} <= set(there)), None
    )
    if shape is None:
        raise InputError(
            f"{path}: its columns are {', '.join(there)[:80]}; --events knows those of "
            "RetailRocket, of REES46, and " + ", ".join(_NEEDED)
        )
    found = {field: name for field, name in shape.columns.items() if name in there}
    picked = ", ".join(
        f"CAST({quoted(name)} AS VARCHAR) AS {quoted(field)}" for field, name in found.items()
    )
    order = 'TRY_CAST("timestamp" AS DOUBLE), "timestamp"'
    query = f"SELECT * FROM (SELECT {picked} FROM {relation}) ORDER BY {order}"
    [(total,)] = connection.execute(f"SELECT COUNT(*) FROM {relation}").fetchall()
    connection.execute(query)

    def rows() -> Iterator[dict[str, Any]]:
        done = 0
        while batch := connection.fetchmany(_BATCH):
            for row in batch:
                yield dict(zip(found, row, strict=True))
            done += len(batch)
            report(done / max(total, 1))

    return shape, rows()


def _event(shape: Shape, row: Mapping[str, str | None], latest: int) -> ShopEvent:
    """Raises FormatError."""
    fields: dict[str, Any] = {}
    for name, text in row.items():
        if text is None or not text.strip():
            continue
        fields[name] = text.strip()
    kind = fields.get("event")
    fields["event"] = shape.kinds.get(str(kind), kind)
    moment = str(fields.get("timestamp", "")).replace(" UTC", "Z")
    found = parse_timestamp(int(moment) if moment.lstrip("-").isdigit() else moment)
    if found is None or found[0] < 0:
        raise FormatError(f"`{shape.columns['timestamp']}` is no time")
    if found[0] > latest:
        raise FormatError(f"`{shape.columns['timestamp']}` is in the future")
    fields["timestamp"] = None
    for name in _NUMBERS:
        if name in fields:
            try:
                fields[name] = float(fields[name])
            except ValueError:
                raise FormatError(f"`{shape.columns[name]}` is no number") from None
    for name in ("user", "item", "transaction"):
        if name in fields:
            fields[name] = owner_id(_whole(fields[name]))
    return parse_shop_event(fields)._replace(timestamp=found[0])


def _whole(text: str) -> str:
    """A number that was written with a point, as columns with gaps are: 12.0 is 12."""
    head, point, tail = text.partition(".")
    return head if point and head.isdigit() and tail.strip("0") == "" else text


def _line(event: ShopEvent) -> dict[str, Any]:
    said = [value for value in event if value is not None]
    made = hashlib.blake2b(json.dumps(said).encode(), digest_size=16).hexdigest()
    line: dict[str, Any] = {
        "message": "event",
        "timestamp": event.timestamp,
        "user": event.user,
        "item": event.item,
        "event": event.event,
        "id": event.id or f"import-{made}",
        "session": event.session,
    }
    for name in ("request", "transaction", *_NUMBERS):
        value = getattr(event, name)
        if value is not None:
            line[name] = value
    return line
