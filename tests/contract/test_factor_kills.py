"""`publish` is killed while readers read: never two versions at once, and nobody is missing."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from botify.factors import open_reader
from contract.factor_stores import ITEMS, USERS
from offline.errors import InputError
from offline.factors.by_url import open_store
from offline.factors.publication import Publication, publication_of
from offline.factors.publish import publish, versions

from ..factor_stores import Mongo, small_model
from ..postgres import Postgres
from .valkey_server import Valkey

pytestmark = pytest.mark.integration

_USERS = 300
_READERS = 2


class Publisher:
    """A program that publishes models."""

    def __init__(self) -> None:
        self._program = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("publisher.py")],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._line() == "ready"

    def publish(
        self, model: Path, urls: Sequence[str], kill_after: float | None = None
    ) -> tuple[int, float]:
        """Exit code, and seconds that it took."""
        assert self._program.stdin is not None
        began = time.monotonic()
        arguments = ["publish", str(model), "--users", urls[0], "--items", urls[1]]
        print(json.dumps(arguments), file=self._program.stdin, flush=True)
        pid = int(self._line())
        if kill_after is not None:
            time.sleep(kill_after)
            os.kill(pid, signal.SIGKILL)
        print("wait", file=self._program.stdin, flush=True)
        return int(self._line()), time.monotonic() - began

    def close(self) -> None:
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        self._program.stdin.close()
        self._program.wait(60)
        self._program.stdout.close()

    def _line(self) -> str:
        assert self._program.stdout is not None
        return self._program.stdout.readline().strip()


@pytest.fixture(scope="module")
def publisher() -> Iterator[Publisher]:
    made = Publisher()
    yield made
    made.close()


class Readers:
    """Threads that read all users again and again, and compare them with what was published."""

    def __init__(self, urls: Sequence[str], published: dict[str, Publication]) -> None:
        self._urls = urls
        self._published = published
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(_READERS)]
        self.faults: list[str] = []
        self.seen: set[str] = set()
        """Versions that were read."""
        self.read = 0

    def __enter__(self) -> "Readers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        reader = open_reader(*self._urls, timeout=30)
        try:
            while not self._stop.is_set():
                reader.refresh()
                snapshot = reader.current
                assert snapshot is not None
                expected = self._published[snapshot.version]
                rows = expected.vectors.items.astype(np.float32)
                if not np.array_equal(snapshot.vectors, rows):
                    self.faults.append(f"{snapshot.version}: other items")
                self.seen.add(snapshot.version)
                for number, name in enumerate(expected.users):
                    user = reader.user(snapshot, name)
                    if user is None:
                        self.faults.append(f"{snapshot.version}: user {name} is missing")
                    elif not _same(user.vector, expected.vectors.users[number]):
                        self.faults.append(f"{snapshot.version}: user {name} of another version")
                    self.read += 1
                    time.sleep(0.0005)  # so that there is time for the others
                    if self._stop.is_set():
                        break
        except Exception as error:
            self.faults.append(repr(error))
        finally:
            reader.close()


def _same(found: NDArray[np.float32], expected: NDArray[np.float16]) -> bool:
    return bool(np.array_equal(found, expected.astype(np.float32)))


@contextmanager
def servers(kind: str, directory: Path) -> Iterator[tuple[str, str]]:
    """Stores of users and of items, empty."""
    with ExitStack() as stack:
        if kind == "file":
            yield f"file:{directory}", f"file:{directory}"
        elif kind == "redis":
            url = stack.enter_context(Valkey()).url
            yield url, url
        elif kind == "postgres":
            url = stack.enter_context(stack.enter_context(Postgres()).database())
            yield url, url
        else:
            users = stack.enter_context(Mongo()).url("factors")
            yield users, stack.enter_context(Valkey()).url


def kill_often(publisher: Publisher, kind: str, moments: int, users: int, directory: Path) -> None:
    """Kill a publication at each of some moments between its start and its end."""
    models, published = [], {}
    for seed in range(moments + 1):
        model, place = small_model(seed, users=users), directory / f"model{seed}"
        model.save(place)
        models.append(place)
        publication = publication_of(model)
        published[publication.manifest.version] = publication
    with servers(kind, directory / "store") as urls:
        code, seconds = publisher.publish(models[0], urls)
        assert code == 0
        killed = 0
        with Readers(urls, published) as readers:
            for moment, model in enumerate(models[1:]):
                code, _ = publisher.publish(model, urls, seconds * (moment + 0.5) / moments)
                assert code in (0, -signal.SIGKILL)
                killed += code != 0
                code, took = publisher.publish(model, urls)  # repairs
                assert code == 0
                # Where the kill came too late there was nothing left to do, which is no measure.
                seconds = min(seconds, took) if killed else 0.7 * seconds
                with open_store(urls[0]) as of_users, open_store(urls[1]) as of_items:
                    active, there = versions(of_users, of_items)
                    assert active == list(published)[moment + 1]
                    known = list(published)[: moment + 2]
                    assert set(known[-2:]) <= set(there) <= set(known)
                    assert of_users.leftovers(USERS) == of_items.leftovers(ITEMS) == []
        assert readers.faults == []
        assert readers.read > users
        assert killed > 0
        print(
            f"{kind}: {killed} of {moments} killed, {readers.read:,} users read of "
            f"{len(readers.seen)} versions"
        )


@pytest.mark.parametrize("kind", ["file", "postgres"])
def test_a_kill_of_publish(publisher: Publisher, kind: str, tmp_path: Path) -> None:
    kill_often(publisher, kind, 3, 50, tmp_path)


@pytest.mark.nightly
@pytest.mark.parametrize("kind", ["file", "redis", "postgres", "mongo and redis"])
def test_twenty_kills_of_publish(publisher: Publisher, kind: str, tmp_path: Path) -> None:
    kill_often(publisher, kind, 20, _USERS, tmp_path)


def test_mongo_goes_down_in_the_middle_of_a_publication() -> None:
    first, second = (publication_of(small_model(seed, users=40)) for seed in (0, 1))

    def now() -> int:
        return time.time_ns() // 1_000_000

    with ExitStack() as stack:
        mongo, valkey = stack.enter_context(Mongo()), stack.enter_context(Valkey())
        urls = (mongo.url("factors"), valkey.url)
        users, items = (stack.enter_context(open_store(url)) for url in urls)
        reader = open_reader(*urls, timeout=30)
        stack.callback(reader.close)
        publish(first, users, items, now=now)
        reader.refresh()
        records = second.records

        def some_records() -> Iterator[list[tuple[str, bytes]]]:
            for some in records():
                yield some[:20]
                mongo.kill()
                yield some[20:]

        object.__setattr__(second, "records", some_records)
        with pytest.raises(InputError, match="publish again when that is mended"):
            publish(second, users, items, now=now)
        mongo.start()
        reader.refresh()
        _check_all(reader, first)
        object.__setattr__(second, "records", records)
        done = publish(second, users, items, now=now)
        assert done.users_written
        assert done.repaired == 1
        reader.refresh()
        _check_all(reader, second)


def _check_all(reader: object, expected: Publication) -> None:
    snapshot = reader.current  # type: ignore[attr-defined]
    assert snapshot.version == expected.manifest.version
    for number, name in enumerate(expected.users):
        user = reader.user(snapshot, name)  # type: ignore[attr-defined]
        assert user is not None, name
        assert _same(user.vector, expected.vectors.users[number])
