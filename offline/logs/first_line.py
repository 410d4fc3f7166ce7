"""Which face a log is of, by its first line."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

from contract.errors import FormatError
from contract.jsonlines import BLANK, BOM, parse_line
from contract.shop_events import SHOP_MESSAGES
from offline.errors import InputError
from offline.logs.decompress import DamageError, kind_of, lines_of, unpacked
from offline.logs.files import find_log_files
from offline.logs.forms import Face

_OTHERS = {"item"}
"""Further lines of a shop, of changes of items."""


def face_of(paths: Sequence[str | Path]) -> Face:
    """ "shop" where the first line that is an object has a shop's `message`; else "music".

    What cannot be read here, as on another file system, is taken for music.
    """
    with contextlib.suppress(InputError, OSError, DamageError):
        for path in find_log_files(paths).files:
            if (kind := kind_of(path)) == "parquet":
                return "music"
            for line in lines_of(unpacked(path, kind)):
                if isinstance(line, int) or not line.strip(BLANK):
                    continue
                try:
                    row = parse_line(line.removeprefix(BOM))
                except FormatError:
                    continue
                if isinstance(row, dict):
                    return "shop" if row.get("message") in {*SHOP_MESSAGES, *_OTHERS} else "music"
    return "music"
