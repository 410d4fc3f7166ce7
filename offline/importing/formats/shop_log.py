"""The event logs of the shop face: what visitors did."""

from pathlib import Path

import duckdb

from offline.engine.quoting import literal
from offline.errors import InputError
from offline.importing.source import Columns, DataFormat, File, Source
from offline.logs.files import find_log_files
from offline.logs.shop_log import is_shop_log

_EVENTS = """
SELECT "user", item, event, CAST("timestamp" AS VARCHAR) AS "timestamp", line FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY id ORDER BY "timestamp", line) AS place FROM (
        SELECT *, ROW_NUMBER() OVER () AS line
        FROM read_json([{files}], format='newline_delimited', ignore_errors=true, columns={{
            message: 'VARCHAR', "user": 'VARCHAR', item: 'VARCHAR', event: 'VARCHAR',
            "timestamp": 'BIGINT', id: 'VARCHAR'}})
    ) WHERE message = 'event'
) WHERE place = 1 AND event NOT IN ('impression', 'dismiss') ORDER BY line
"""
"""Lines with the same id are one event. What was shown, or sent away, is no sign of liking it."""


class ShopLog(DataFormat):
    """data.json* files of the shop face."""

    name = "shop-log"
    about = "event logs of the shop face: what visitors did"

    def recognises(self, source: Path) -> bool:
        try:
            return is_shop_log(find_log_files([source]).files)
        except InputError:
            return False

    def open(self, source: Path, columns: Columns) -> Source:
        found = find_log_files([source])
        names = ", ".join(literal(str(path)) for path in found.files)
        try:
            with duckdb.connect() as connection:
                table = connection.sql(_EVENTS.format(files=names)).to_arrow_table()
        except duckdb.Error as error:
            raise InputError(f"{source} cannot be read: {str(error).splitlines()[0]}") from error
        if not table.num_rows:
            raise InputError(f"{source}: no line of it says what a visitor did")
        given = Columns(user="user", item="item", time="timestamp", kind="event")
        notes = (
            "lines with the same id are one event",
            "impressions and dismissals are left out: they are no likes",
            *found.notes,
        )
        file = File(path=found.files[0], layout="table", table=table, columns=given)
        return Source(files=(file,), notes=notes)
