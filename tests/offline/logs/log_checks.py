"""What is asked of logs that were read."""

from pathlib import Path
from typing import Any

import pytest

from offline.errors import InputError
from offline.logs.reader import EventLog, open_logs


def rows(log: EventLog, columns: str) -> list[tuple[Any, ...]]:
    return log.engine.rows(f"SELECT {columns} FROM events ORDER BY n")


def refusal(*paths: Path) -> str:
    with pytest.raises(InputError) as caught, open_logs(paths):
        pass
    assert "\n" not in str(caught.value)
    return str(caught.value)
