"""Listeners who play sessions all the time, and what a log must say."""

import http.client
import json
import math
import os
import random
import resource
import signal
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import count, pairwise
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

N_TRACKS = 40
SESSION = 6
"""Answers in a session, before its `last`."""
LIMIT = 30.0
"""Seconds after which what should have happened long ago counts as not happening."""

Event = dict[str, Any]
T = TypeVar("T")


def is_filtered(event: Event) -> bool:
    """Whether its answer must not be what the session has heard: of dae, or of its fallbacks.

    Those of contextual, and random and top_pop themselves, may repeat a track.
    """
    of_dae = event["experiments"].get("DAE_VS_CONTEXTUAL") == "T1"
    return event["recommender"] == "dae" or (of_dae and event["recommender"] != "fallback")


class Asked(NamedTuple):
    """One request; `(user, time)` is unique within a Load, and grows for each user."""

    message: str
    user: int
    track: int
    time: float


class Answered(NamedTuple):
    """What came back, and when (monotonic seconds)."""

    asked: Asked
    recommendation: int | None
    began: float
    ended: float


class Load:
    """Threads that play, each on one kept-alive connection and with users of its own.

    A context manager; leaving it stops the threads. What goes wrong is in `failures`. With
    `reconnect`, a connection that breaks is opened anew instead, and its request is in `cut`:
    nobody knows whether it was handled. With `per_connection`, a client opens another connection
    after that many requests: the kernel spreads connections over the workers by chance, and six
    that stay can all be one worker's.
    """

    def __init__(
        self,
        url: str,
        clients: int = 4,
        reconnect: bool = False,
        pause: float = 0.004,
        per_connection: int | None = None,
    ) -> None:
        self._address = url.removeprefix("http://")
        self._reconnect = reconnect
        self._pause = pause
        self._per_connection = per_connection
        self._stopped = threading.Event()
        self._answers: list[list[Answered]] = [[] for _ in range(clients)]
        self.failures: list[str] = []
        self.cut: list[Asked] = []
        self._threads = [
            threading.Thread(target=self._play, args=(client,), daemon=True)
            for client in range(clients)
        ]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Let everybody finish the request in flight."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(LIMIT)
            assert not thread.is_alive()

    @property
    def answers(self) -> list[Answered]:
        """All answers so far; those of one user in order."""
        return [answer for mine in self._answers for answer in list(mine)]

    def goes_on(self, n: int = 20) -> None:
        """Wait until every client had `n` more answers; none may have failed."""
        goals = [len(mine) + n for mine in self._answers]
        until(
            lambda: (
                self.failures
                or all(len(m) >= g for m, g in zip(self._answers, goals, strict=True))
            )
        )
        assert self.failures == [], self.failures[:3]

    def _play(self, client: int) -> None:
        users = [*range(client, 18, len(self._threads)), 10**30 + client]
        rng = random.Random(client)
        connection = None
        asked, track = None, 0
        try:
            for number in count():
                session, place = divmod(number, SESSION + 1)
                if place == 0:
                    track = rng.randrange(N_TRACKS)
                route = "last" if place == SESSION else "next"
                asked = Asked(route, users[session % len(users)], track, number / 1e6)
                if self._stopped.wait(self._pause):
                    return
                try:
                    connection = connection or _connect(self._address)
                    began = time.monotonic()
                    recommendation = _post(connection, asked)
                except (OSError, http.client.HTTPException):
                    if not self._reconnect:
                        raise
                    self.cut.append(asked)
                    if connection is not None:
                        connection.close()
                    connection = None
                    continue
                self._answers[client].append(
                    Answered(asked, recommendation, began, time.monotonic())
                )
                track = track if recommendation is None else recommendation
                if self._per_connection and (number + 1) % self._per_connection == 0:
                    connection.close()
                    connection = None
        except Exception as error:
            self.failures.append(f"{asked}: {error!r}")
        finally:
            if connection is not None:
                connection.close()


def _connect(address: str) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection(address, timeout=LIMIT)
    connection.connect()
    connection.auto_open = 0  # never a second time in silence
    return connection


def _post(connection: http.client.HTTPConnection, asked: Asked) -> int | None:
    """The track answered, None for `last`; an answer that must not be is a ValueError."""
    body = json.dumps({"track": asked.track, "time": asked.time})
    connection.request("POST", f"/{asked.message}/{asked.user}", body)
    response = connection.getresponse()
    text = response.read()
    answer = json.loads(text) if response.status == 200 else {}
    track = answer.get("track")
    wanted = {"user": asked.user} | ({"track": track} if asked.message == "next" else {})
    if answer != wanted:
        raise ValueError(f"{response.status} {text!r}")
    if asked.message == "next" and track not in range(N_TRACKS):
        raise ValueError(f"not a track to play next: {track}")
    return track


class Diary:
    """What a service says of itself; read all the time, so that it never waits for a reader."""

    def __init__(self, served: Any) -> None:
        """Call it before the service has much to say."""
        self._lines: list[str] = []
        self._thread = threading.Thread(
            target=lambda: self._lines.extend(served.process.stderr), daemon=True
        )
        self._thread.start()

    def lines(self) -> list[dict[str, Any]]:
        """All of it; the service must have ended."""
        self._thread.join(LIMIT)
        assert not self._thread.is_alive()
        return [json.loads(line) for line in self._lines]


def until(condition: Callable[[], T], every: float = 0.05) -> T:
    """Wait for something true, and return it."""
    deadline = time.monotonic() + LIMIT
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(every)
    return found


def ask(url: str, path: str) -> tuple[int, Any]:
    """GET on a connection of its own, which the kernel gives to any worker."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=LIMIT)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
        is_json = response.headers["Content-Type"] == "application/json"
        return response.status, json.loads(body) if is_json else body.decode()
    finally:
        connection.close()


def metric(url: str, name: str) -> float:
    """The value of a metric, summed over its labels."""
    _, text = ask(url, "/metrics")
    rows = [row.rsplit(" ", 1) for row in text.splitlines() if not row.startswith("#")]
    values = [float(value) for key, value in rows if key.partition("{")[0] == name]
    assert values, name
    return sum(values)


def all_are(url: str, status: str) -> bool:
    """Whether the workers' /health/ready says so, asked often enough to meet each of them."""
    answers = [ask(url, "/health/ready") for _ in range(8)]
    assert {code for code, _ in answers} == {200}
    assert all(bool(body["reasons"]) == (body["status"] == "degraded") for _, body in answers)
    return all(body["status"] == status for _, body in answers)


def workers_of(pid: int) -> list[int]:
    """Process ids of the workers of a service, in order of their start."""
    return sorted(child for child in _children(pid) if _command(child) == _command(pid))


def valkeys_of(pid: int) -> list[int]:
    """Process ids of the Valkeys that a service runs: one, or none for a moment."""
    return [child for child in _children(pid) if b"valkey-server" in _command(child)]


def log_of(worker: int) -> Path:
    """The file that a worker writes."""
    links = []
    for link in Path(f"/proc/{worker}/fd").iterdir():
        with suppress(FileNotFoundError):  # a connection that was closed meanwhile
            links.append(os.readlink(link))
    [log] = {link for link in links if Path(link).name.startswith("data.json")}
    return Path(log)


def kill_all(served: Any) -> None:
    """SIGKILL for the service's parent and workers alike, none of which sees another's end."""
    parent = served.process
    parent.send_signal(signal.SIGSTOP)  # else it would replace its workers
    for worker in workers_of(parent.pid):
        os.kill(worker, signal.SIGKILL)
    parent.kill()
    parent.wait(LIMIT)


def limit_files(workers: Iterable[int], size: int) -> None:
    """No file of these processes may grow beyond this size; -1 for any."""
    for worker in workers:
        resource.prlimit(worker, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):  # the thread has just ended
            found += map(int, (task / "children").read_text().split())
    return found


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def logged_answer(event: Event) -> tuple[Asked, int | None]:
    """What an event says was asked and answered."""
    asked = Asked(event["message"], event["user"], event["track"], event["time"])
    return asked, event["recommendation"]


def check_log(events: list[Event], load: Load) -> None:
    """Each answer has its line, each line its answer (or a cut request), each user an order."""
    answered = Counter((answer.asked, answer.recommendation) for answer in load.answers)
    logged = Counter(map(logged_answer, events))
    assert list((answered - logged).elements()) == []
    unknown = [asked for asked, _ in (logged - answered).elements()]
    assert set(unknown) <= set(load.cut)
    assert len(unknown) == len(set(unknown))
    for mine in by_user(events).values():
        disordered = [(a, b) for a, b in pairwise(mine) if not _in_order(a, b)]
        assert disordered == [], disordered


def _in_order(a: Event, b: Event) -> bool:
    """Whether the first of two events of a user happened before the second, as their times say.

    Without Redis each worker knows only its own events: the answers of two workers within some
    milliseconds may have the same timestamp, or each other's.
    """
    if None in (a["session"], b["session"]) and b["timestamp"] - a["timestamp"] <= 3:
        return True
    return bool(a["time"] < b["time"] and a["timestamp"] < b["timestamp"])


def check_sessions(events: list[Event]) -> None:
    """A session ends with its `last`, and what it has heard is not offered to it again."""
    for mine in by_user(events).values():
        heard: defaultdict[str, set[int]] = defaultdict(set)
        ended: set[str] = set()
        current: set[str] = set()
        for event in mine:
            session = event["session"]
            if session is not None:
                assert session not in ended, mine[max(0, mine.index(event) - 16) :][:20]
                current.add(session)
                heard[session].add(event["track"])
                if is_filtered(event):
                    assert event["recommendation"] not in heard[session], event
                heard[session].add(event["recommendation"])
            if event["message"] == "last":
                ended |= current
                current = set()


def by_user(events: list[Event]) -> dict[int, list[Event]]:
    """The events of each user, in time order."""
    found: defaultdict[int, list[Event]] = defaultdict(list)
    for event in sorted(events, key=lambda event: event["timestamp"]):
        found[event["user"]].append(event)
    return found


def quantile(values: Iterable[float], share: float) -> float:
    """The smallest value that at least this share does not exceed."""
    ordered = sorted(values)
    return ordered[math.ceil(share * len(ordered)) - 1]
