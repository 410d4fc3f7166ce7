"""A few of the kills of bench/ship/kills.py, which has many."""

import importlib
from pathlib import Path
from typing import Any, Protocol

import pytest
from hdfs import InsecureClient

pytestmark = pytest.mark.integration


class Hdfs(Protocol):
    """What the fixture `hdfs` gives."""

    url: str


def test_killed_while_somebody_works_on_logs_and_target(
    hdfs: Hdfs, client: InsecureClient, tmp_path: Path
) -> None:
    module: Any = importlib.import_module("bench.ship.kills")
    happened = module.kills(hdfs.url, 3, 11, tmp_path)
    assert happened["kills"] == 3
    assert happened["lines compared"] > 5_000
