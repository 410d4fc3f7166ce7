"""A few of the kills of bench/ship_kills.py, which has many."""

import importlib
from pathlib import Path
from typing import Any, Protocol

import pytest
from hdfs import InsecureClient

pytestmark = pytest.mark.integration
BENCH = Path(__file__).parents[4] / "bench"


class Hdfs(Protocol):
    """What the fixture `hdfs` gives."""

    url: str


def test_killed_while_somebody_works_on_logs_and_target(
    hdfs: Hdfs, client: InsecureClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(BENCH))
    module: Any = importlib.import_module("ship_kills")
    happened = module.kills(hdfs.url, 3, 11, tmp_path)
    assert happened["kills"] == 3
    assert happened["lines compared"] > 5_000
