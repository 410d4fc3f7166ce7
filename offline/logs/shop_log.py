"""Logs of the shop face: events of visitors and answers, counted by hour."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import duckdb

from contract.shop_events import SHOP_MESSAGES
from offline.engine.quoting import literal
from offline.errors import InputError
from offline.logs.decompress import DamageError, kind_of, lines_of, unpacked

COUNTED = ("event", "recommend")
"""Lines that the service counts as served; a change of an item is none."""


class ShopLines(NamedTuple):
    """The lines of a log."""

    per_hour: dict[int, int]
    """By hour since the epoch."""
    bad: int
    """Lines that are none of this face."""


def is_shop_log(files: Sequence[Path]) -> bool:
    """Whether the first line of the first file that has one is of the shop face."""
    for path in files:
        kind = kind_of(path)
        if kind == "parquet":
            return False  # the data client makes Parquet of the music face alone
        try:
            line = next(iter(lines_of(unpacked(path, kind))), b"")
            row = json.loads(line) if isinstance(line, bytes) and line else None
        except (OSError, ValueError, DamageError):
            return False
        if isinstance(row, dict):
            return row.get("message") in SHOP_MESSAGES
    return False


def read_shop_lines(files: Sequence[Path]) -> ShopLines:
    """Count the lines of a log. Raises InputError for a file that cannot be read."""
    names = ", ".join(literal(str(path)) for path in files)
    query = (
        "SELECT message, CAST(FLOOR(timestamp / 3600000) AS BIGINT), COUNT(*) FROM read_json("
        f"[{names}], format='newline_delimited', ignore_errors=true, maximum_object_size=16777216,"
        " columns={message: 'VARCHAR', timestamp: 'BIGINT'}) GROUP BY ALL"
    )
    try:
        with duckdb.connect() as connection:
            rows = connection.execute(query).fetchall()
    except duckdb.Error as error:
        raise InputError(f"the log cannot be read: {str(error).splitlines()[0]}") from error
    per_hour: dict[int, int] = {}
    bad = 0
    for message, hour, count in rows:
        if message in COUNTED and hour is not None:
            per_hour[hour] = per_hour.get(hour, 0) + count
        elif message not in SHOP_MESSAGES or hour is None:
            bad += count
    return ShopLines(per_hour, bad)
