"""A small model of sessions, whose right answers are known; what Prometheus may read; PostgreSQL.

Servers start once a run, when a test first asks for one.
"""

import hashlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from safetensors.numpy import save_file

if TYPE_CHECKING:
    from .postgres import Postgres

WriteSessions = Callable[..., Path]


def pytest_configure() -> None:
    """Shells start background jobs with Ctrl-C ignored: tests of Ctrl-C would wait for ever."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Of several processes, each computes in one thread: more would wait for each other."""
    for library in ("OMP", "OPENBLAS", "NUMBA"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of several processes, each takes the next file: slow ones first, so that all end at once."""
    if hasattr(config, "workerinput"):
        slow = {item.path for item in items if item.get_closest_marker("integration")}
        items.sort(key=lambda item: item.path not in slow)


@pytest.fixture
def write_sessions() -> WriteSessions:
    """write_sessions(path, n_tracks, arrays={...}, about={...}): a model, some of it replaced.

    Even tracks are one camp, odd ones the other; the model knows all tracks but the last two.
    Users 0 to 9 like tracks 0, 2 and 4 in one half of their sessions, 1, 3 and 5 in the other.
    Within a camp, tracks with lower numbers are better. An array of None is left out. Where
    there is room for a checksum, it is that of the file.
    """

    def write(
        path: Path,
        n_tracks: int,
        arrays: dict[str, Any] | None = None,
        about: dict[str, object] | None = None,
    ) -> Path:
        known, users = n_tracks - 2, 10
        camps = np.eye(2, dtype=np.float32)[np.arange(known) % 2]
        better = 1 - np.arange(known, dtype=np.float32)[:, None] / (4 * known)
        content: dict[str, Any] = {
            "tracks": np.arange(known, dtype=np.int32),
            "vectors": np.hstack([camps * better, camps * better]),
            "projection": np.eye(2, dtype=np.float32),
            "starts": camps,
            "track_bias": np.zeros(known, np.float32),
            "first": 2 * camps,
            "first_bias": np.zeros(2, np.float32),
            "users": np.arange(users, dtype=np.int64),
            "user_scale": np.full(users, 4, np.float32),
            "user_bias": np.full(users, -2, np.float32),
            "taste_offsets": 2 * np.arange(users + 1, dtype=np.int64),
            "taste_weights": np.full(2 * users, 0.5, np.float32),
            "tastes": np.tile(np.eye(2, dtype=np.float32), (users, 1)),
            "member_offsets": 3 * np.arange(2 * users + 1, dtype=np.int64),
            "members": np.tile(np.array([0, 2, 4, 1, 3, 5], np.int32), users),
        }
        described: dict[str, object] = {
            "format": "botify-sessions-2",
            "sha256": "0" * 64,
            "n_tracks": n_tracks,
            "layers": 0,
            "artist_discount": 0.8,
            "dae_weight": 1.0,
            "listening_weight": 1.0,
            "offset": -1.0,
            "skip_weight": 0.5,
            "use_history": 1,
            "use_session": 1,
            "stray": 0.02,
            "least": 0.02,
            "heard": 100,
        }
        content |= arrays or {}
        described |= about or {}
        save_file(
            {name: np.ascontiguousarray(a) for name, a in content.items() if a is not None},
            path,
            {key: str(value) for key, value in described.items() if value is not None},
        )
        blank, text = b"0" * 64, path.read_bytes()
        path.write_bytes(text.replace(blank, hashlib.sha256(text).hexdigest().encode(), 1))
        return path

    return write


@pytest.fixture(scope="session")
def exposition() -> str:
    """All that the service ever tells Prometheus, in its text format."""
    from botify.event_log.status import LogStatus
    from botify.observability.health import WorkerReport
    from botify.observability.metrics import Metrics
    from botify.observability.worker_table import WorkerTable
    from botify.store.redis_memory import RedisMemory

    metrics = Metrics()
    for route in ("next", "recommendations", "reco"):
        metrics.observe_answer(route, "dae", 0.001, 0)
    metrics.count_fallback("dae", "top_pop")
    metrics.count_error("next", 400)
    metrics.count_redis_failure("timeout")
    metrics.count_recommender_failure("dae")
    metrics.count_treatments({"A": "C"}, fallback=True)
    metrics.count_shop_events(["view"], [0], 1, 1)
    metrics.observe_event_lag(1)
    for kind in ("view", "addtocart", "transaction"):
        metrics.count_attributed({"A": "C"}, kind)
    for route in ("recommendations", "reco"):
        metrics.count_cold(route)
    log = LogStatus(Path("data.json"), 1, 0, 0, 0.0, "", 1, False, 1, 1)
    memory = RedisMemory(1, 2, "volatile-lru", 3)
    report = WorkerReport(
        True, "", {"dae": "1"}, (), {}, log, {"sessions": "2"}, memory, written={"dae": 1.0}
    )
    metrics.publish(report)
    return metrics.render(table=WorkerTable(2)).decode()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator["Postgres"]:
    """A PostgreSQL for the whole run; a test that stops or kills one starts one of its own."""
    from .postgres import Postgres

    with Postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: "Postgres") -> Iterator[str]:
    """The URL of an empty database of the test's own."""
    with postgres_server.database() as url:
        yield url
