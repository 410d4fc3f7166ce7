"""A shop in this process, on a real Valkey: what its tests of writing routes share."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis
from flask import Flask

from botify.app import create_app
from botify.config import LogConfig, ShopConfig
from botify.lists.loader import kind_of, load_list
from botify.store.keys import SHOP_KEYS

CONFIG: dict[str, Any] = {
    "face": "shop",
    "data_dir": ".",
    "log": LogConfig(min_free_bytes=0),
    "redis_timeout": 10,
    "workers": 1,
    "neighbours": {"near": "near.json"},
    "similar": "near",
    "recommenders": {"beside": {"type": "similar_items", "neighbours": "near"}},
    "default": "beside",
}
FILES: dict[str, list[dict[str, object]]] = {
    "items.json": [{"item": item, "price": 9.5} for item in "abcdef"] + [{"item": 7}],
    "popular.json": [{"items": ["d", "e", "f"], "scores": [4, 3, 2]}],
    "near.json": [{"item": "a", "items": ["b", "c"]}, {"item": "d", "items": ["e", "a"]}],
}
Make = Callable[..., Flask]


def shop_app(client: "redis.Redis", directory: Path, **changes: Any) -> Flask:
    """The application of a worker, with its lists in Redis."""
    config = ShopConfig.model_validate(
        {**CONFIG, "data_dir": directory, "log_dir": directory / "log", **changes}
    )
    for name, file in config.list_files.items():
        rows = FILES[file.file.name]
        file.file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        load_list(client, name, file, kind_of(config, name), 0, keys=SHOP_KEYS)
    return create_app(config, None, client)


def send(app: Flask, path: str, value: Any = None, method: str = "POST", **more: Any) -> Any:
    """Status and JSON of the answer."""
    body = {} if value is None else {"data": json.dumps(value)}
    answer = app.test_client().open(path, method=method, **body, **more)
    assert answer.mimetype == "application/json"
    return answer.status_code, answer.json


def by_hand(app: Flask) -> Any:
    """Its monitor, which from now on does nothing by itself."""
    monitor = app.extensions["botify"]
    monitor._stopped = True
    monitor._breaker.wake.set()
    monitor._thread.join()
    return monitor


def until_up(monitor: Any) -> None:
    """Rounds until Redis is used again."""
    for _ in range(64):
        monitor._round()
        if monitor._breaker.up:
            return
    raise AssertionError("Redis is still unavailable")


def lines(directory: Path, message: str = "event") -> list[dict[str, Any]]:
    """Lines of the log that say this."""
    rows = map(json.loads, (directory / "log" / "data.json").read_text().splitlines())
    return [row for row in rows if row["message"] == message]
