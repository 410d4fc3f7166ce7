"""The shop face's own log, imported as data to learn from."""

import json
from pathlib import Path

import pytest

from offline.errors import InputError
from offline.importing.check import check_dataset
from offline.importing.formats.shop_log import ShopLog
from offline.importing.import_data import import_data

MS = 1_790_000_000_000


def test_events_once_each_and_nothing_else(tmp_path: Path) -> None:
    rows = [
        {"message": "event", "timestamp": MS + n, "user": f"u{n % 4}", "item": str(n % 7)}
        | {"event": ("view", "addtocart", "impression")[n % 3], "id": f"e{n}", "price": 1.5}
        for n in range(60)
    ]
    others = [
        {"message": "recommend", "timestamp": MS, "user": "u9", "items": ["1"], "scores": [None]},
        {"message": "item", "timestamp": MS, "item": "1", "fields": {"price": 2}},
    ]
    log = tmp_path / "log"
    log.mkdir()
    for part in range(2):  # the second service logged some again
        lines = [*others, *rows[part * 20 : 40 + part * 20]]
        (log / f"data.json.{part}").write_text("".join(f"{json.dumps(r)}\n" for r in lines))
    found = import_data(log, tmp_path / "data")
    assert "format guessed: shop-log" in found.summary.notes
    assert found.summary.lines == 40
    assert found.summary.users == 4
    assert found.skipped.bad == 0
    check_dataset(ShopLog, log)


def test_a_log_without_events(tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text('{"message": "recommend", "timestamp": 1}\n')
    with pytest.raises(InputError, match="no line of it says what a visitor did"):
        import_data(tmp_path, tmp_path / "data", "shop-log")
