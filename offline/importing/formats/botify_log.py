"""The event logs of this family's services."""

from pathlib import Path

from offline.errors import InputError
from offline.importing.clean_text import head_of
from offline.importing.lines import first_objects
from offline.importing.source import Columns, DataFormat, Source
from offline.logs.files import find_log_files

_FIELDS = {"message", "timestamp", "user", "track", "time"}


class BotifyLog(DataFormat):
    """data.json* files; `import` does with them what `collect` does."""

    name = "botify-log"
    about = "event logs of the music service, as `collect` reads them"

    def recognises(self, source: Path) -> bool:
        try:
            first = find_log_files([source]).files[0]
            if first.suffix == ".parquet":
                return source.is_dir()
            rows = first_objects(head_of(first, 1 << 16), 1)
        except InputError:
            return False
        return bool(rows) and set(rows[0]) >= _FIELDS

    def open(self, source: Path, columns: Columns) -> Source:
        raise InputError(f"{source}: a log is read by `botify-offline collect`")
