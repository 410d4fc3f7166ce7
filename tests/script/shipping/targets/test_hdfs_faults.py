"""What breaks while logs go to a real HDFS; the next run makes it good, line by line."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
from hdfs import InsecureClient

from script.shipping.errors import ShipError
from script.shipping.ship import Shipment, Shipper
from script.shipping.sources.directory import LogFile, find_logs
from script.shipping.targets.hdfs import HdfsTarget, connect
from script.shipping.transfer import Options

pytestmark = pytest.mark.integration
Here = Callable[[], list[bytes]]
There = Callable[[str], list[bytes]]
DIRECTORY = "/user/ann/logs"
AT_ONCE = Options(retry_seconds=0)


class Hdfs(Protocol):
    """What the fixture `hdfs` gives."""

    url: str

    def admin(self, *arguments: str) -> None: ...

    def without(self, node: str) -> Any: ...


@pytest.fixture
def log(tmp_path: Path) -> Path:
    directory = tmp_path / "log"
    directory.mkdir()
    return directory


def write(log: Path, name: str, count: int, width: int = 10) -> None:
    """Append so many lines, each unlike all others."""
    start = sum(path.stat().st_size for path in log.iterdir())
    with (log / name).open("ab") as file:
        file.writelines(b'{"user": %0*d}\n' % (width, start + i) for i in range(count))


def ship(url: str, log: Path, options: Options = AT_ONCE) -> Shipment:
    target = HdfsTarget(connect(url, "ann"), DIRECTORY)
    return Shipper(target, options).ship(find_logs(log))


class Slow(LogFile):
    """A log on a slow disk: `reached` is set at its third piece, which waits for `go_on`."""

    reached: threading.Event
    go_on: threading.Event

    def chunks(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        for number, chunk in enumerate(super().chunks(start, end)):
            if number == 2:
                self.reached.set()
                assert self.go_on.wait(60)
            yield chunk


@pytest.fixture
def half_way(log: Path) -> Iterator[tuple[list[LogFile], threading.Event, threading.Event]]:
    """A large log of which the upload stops half way, as `Slow` has it."""
    write(log, "data.json", 5_000, width=1_000)
    reached, go_on = threading.Event(), threading.Event()
    kind = type("SlowHere", (Slow,), {"reached": reached, "go_on": go_on})
    yield [kind(**vars(some)) for some in find_logs(log)], reached, go_on
    go_on.set()


def in_background(do: Callable[[], object]) -> tuple[threading.Thread, list[Exception]]:
    errors: list[Exception] = []

    def run() -> None:
        try:
            do()
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, errors


@pytest.mark.parametrize("node", ["dn", "nn"])
def test_a_node_that_is_killed_during_an_upload(
    hdfs: Hdfs,
    client: InsecureClient,
    log: Path,
    half_way: tuple[Sequence[LogFile], threading.Event, threading.Event],
    here: Here,
    there: There,
    node: str,
) -> None:
    logs, reached, go_on = half_way
    target = HdfsTarget(connect(hdfs.url, "ann"), DIRECTORY)
    thread, errors = in_background(lambda: Shipper(target, AT_ONCE).ship(logs))
    assert reached.wait(60)
    with hdfs.without(node):
        go_on.set()
        thread.join(60)
        [error] = errors
        assert isinstance(error, ShipError)
        assert str(error).startswith(f"{log}/data.json: {DIRECTORY}/_incoming/")
    # The node comes up meanwhile: this run is patient.
    ship(hdfs.url, log, Options(retry_seconds=60))
    assert there(DIRECTORY) == here()


def test_a_quota_that_is_used_up(
    hdfs: Hdfs,
    client: InsecureClient,
    log: Path,
    here: Here,
    there: There,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(log, "data.json", 5)
    shipper = Shipper(HdfsTarget(connect(hdfs.url, "ann"), DIRECTORY), Options(retry_seconds=60))
    shipper.ship(find_logs(log))
    write(log, "data.json", 5)
    hdfs.admin("-setSpaceQuota", "1m", DIRECTORY)  # less than a block
    waits: list[float] = []
    monkeypatch.setattr("script.shipping.retry.time.sleep", waits.append)
    with pytest.raises(
        ShipError, match=rf"/data\.json: .*space quota of {DIRECTORY} is exceeded: 1048576 "
    ):
        shipper.ship(find_logs(log))
    assert not waits  # to wait would be of no use
    hdfs.admin("-clrSpaceQuota", DIRECTORY)
    ship(hdfs.url, log)
    assert there(DIRECTORY) == here()


def test_a_directory_of_somebody_else(
    hdfs: Hdfs, client: InsecureClient, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(log, "data.json", 5)
    client.makedirs(DIRECTORY)
    client.set_permission(DIRECTORY, "555")
    waits: list[float] = []
    monkeypatch.setattr("script.shipping.retry.time.sleep", waits.append)
    with pytest.raises(ShipError, match=r"/data\.json: .*Permission denied: user=ann"):
        ship(hdfs.url, log, Options(retry_seconds=60))
    assert not waits


@pytest.mark.nightly  # test_hdfs_kills.py has a few kills, test_ship_steps.py one at each step
def test_kill_9_at_twenty_random_moments(
    hdfs: Hdfs, client: InsecureClient, log: Path, here: Here, there: There
) -> None:
    """Each time the logs have grown, and one was rotated now and then."""
    options = Options(threads=2, part_bytes=60_000, retry_seconds=0)
    fork = multiprocessing.get_context("fork")
    moments = np.random.default_rng(31337).uniform(0, 0.6, 20)
    killed = 0
    for number, moment in enumerate(moments):
        write(log, "data.json", 3_000)
        write(log, f"data.json.{number}", 50)
        if number % 4 == 3:
            (log / "data.json").rename(log / f"data.json.rotated{number}")
            write(log, "data.json", 10)
        client_process = fork.Process(target=ship, args=(hdfs.url, log, options))
        client_process.start()
        time.sleep(moment)
        assert client_process.pid is not None
        os.kill(client_process.pid, signal.SIGKILL)
        client_process.join()
        killed += client_process.exitcode == -signal.SIGKILL
        client_process.close()
        ship(hdfs.url, log)
        assert there(DIRECTORY) == here()
    assert killed > 10
