"""Which face a log is of, by its first line."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

from contract.errors import FormatError
from contract.jsonlines import BLANK, BOM, parse_line
from contract.rating_events import RATING_MESSAGES
from contract.shop_events import SHOP_MESSAGES
from offline.errors import InputError
from offline.logs.decompress import DamageError, kind_of, lines_of, unpacked
from offline.logs.files import find_log_files
from offline.logs.forms import Face

_OTHERS = {"item"}
"""Further lines of a shop, of changes of items."""


def face_of(paths: Sequence[str | Path]) -> Face:
    """ "shop" where the first line that is an object has a shop's `message`; else "music".

    What cannot be read here, as on another file system, is taken for music. Raises InputError for
    a log of the ratings face.
    """
    message = _first_message(paths)
    if message in RATING_MESSAGES:
        raise InputError(
            "this is a log of the ratings face: it has what was answered, and nothing of what "
            "users did then, by which a test is judged; join both into a table for --events "
            "(docs/how-to/serve-ratings.md)"
        )
    return "shop" if message in {*SHOP_MESSAGES, *_OTHERS} else "music"


def _first_message(paths: Sequence[str | Path]) -> object:
    """What the first line that is an object says in `message`; None if none can be read."""
    with contextlib.suppress(InputError, OSError, DamageError):
        for path in find_log_files(paths).files:
            if (kind := kind_of(path)) == "parquet":
                return None
            for line in lines_of(unpacked(path, kind)):
                if isinstance(line, int) or not line.strip(BLANK):
                    continue
                try:
                    row = parse_line(line.removeprefix(BOM))
                except FormatError:
                    continue
                if isinstance(row, dict):
                    found = row.get("message")
                    return found if isinstance(found, str) else None
    return None
