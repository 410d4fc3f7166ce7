"""The service's benchmark counts what happened, and its baselines play the same game."""

import importlib
import json
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

USERS, TRACKS = 20, 200

needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")


@pytest.fixture
def module() -> Callable[[str], Any]:
    """module(name): one of bench/serve."""
    return lambda name: importlib.import_module(f"bench.serve.{name}")


class Player(ThreadingHTTPServer):
    """Answers as a service would; where `cut` says so, closes the connection instead."""

    daemon_threads = True

    def __init__(self, cut: Callable[[int], bool] = lambda _: False) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[tuple[str, int, int, float]] = []
        """Route, user, track, time."""
        self.cut = cut
        self.lock = threading.Lock()
        self.connections: list[socket.socket] = []
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self._thread.start()

    def stop(self) -> None:
        """Close the port and all connections."""
        self.shutdown()
        self._thread.join()
        self.server_close()
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Player

    def setup(self) -> None:
        self.server.connections.append(self.request)
        super().setup()

    def do_POST(self) -> None:
        _, route, user = self.path.split("/")
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.requests.append((route, int(user), body["track"], body["time"]))
            number = len(self.server.requests)
        if self.server.cut(number):
            self.close_connection = True
            return
        answer = {"user": int(user)} | ({"track": number % TRACKS} if route == "next" else {})
        text = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def player() -> Iterator[Callable[..., Player]]:
    """player(cut=...): a Player that is stopped after the test."""
    made: list[Player] = []

    def make(**options: Any) -> Player:
        made.append(Player(**options))
        return made[-1]

    yield make
    for each in made:
        each.stop()


@pytest.fixture
def sessions(module: Callable[[str], Any]) -> Iterator[Callable[..., Any]]:
    """sessions(port, ...): closed after the test."""
    made: list[Any] = []

    def make(port: int, connections: int = 3) -> Any:
        made.append(module("load").Sessions(port, USERS, TRACKS, connections, USERS // 2, seed=1))
        return made[-1]

    yield make
    for each in made:
        each.close()


def play(sessions: Any, answers: int) -> None:
    """Until so many requests are answered."""
    deadline = time.perf_counter() + 20
    while sessions.answered < answers and time.perf_counter() < deadline:
        assert sessions.run(time.perf_counter() + 0.02)
    assert sessions.answered >= answers


def test_what_wrk_saw_is_read_from_among_what_it_says(module: Callable[[str], Any]) -> None:
    line = '{"requests": 600, "seconds": 2.0, "p50": 1.5, "p99": 9.25, "refused": 2, "failed": 1}'
    load = module("wrk").parse(f"Running 2s test\n  1 threads\n{line}\n")
    assert (load.rate, load.p50, load.p99, load.errors) == (300.0, 1.5, 9.25, 3)


def test_wrk_without_figures_is_an_error_that_says_what_wrk_said(
    module: Callable[[str], Any],
) -> None:
    with pytest.raises(Exception, match="unable to connect to 127"):
        module("wrk").parse("unable to connect to 127.0.0.1:1 Connection refused\n")


def test_a_machine_without_wrk_is_told_how_to_get_it(
    module: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Exception, match="apt-get install wrk"):
        module("wrk").Wrk(module("data").Data(tmp_path, 1, 1), seed=1)


def test_every_list_names_different_tracks_of_the_catalog(
    module: Callable[[str], Any], tmp_path: Path
) -> None:
    # Lists of 50 and 100 out of 450 repeat a track nearly always where nobody looks.
    made = module("data").data(tmp_path, 30, 450, seed=1)
    for name, key, rows, length in (
        ("recommendations", "tracks", 30, 50),
        ("neighbours", "recommendations", 450, 100),
    ):
        text = (made.directory / f"lists/{name}.json").read_text()
        lists = [json.loads(line)[key] for line in text.splitlines()]
        assert [len(tracks) for tracks in lists] == [length] * rows
        assert all(len({*tracks}) == length for tracks in lists)
        assert {track for tracks in lists for track in tracks} <= set(range(450))


def test_sessions_play_what_is_offered_and_end_with_last(
    player: Callable[..., Player], sessions: Callable[..., Any]
) -> None:
    service = player()
    load = sessions(service.server_port)
    play(load, 500)
    load.drain(10)
    assert len(service.requests) == load.answered
    by_user: dict[int, list[tuple[int, str, int, float]]] = {}
    for number, (route, user, track, share) in enumerate(service.requests, start=1):
        by_user.setdefault(user, []).append((number, route, track, share))
    assert set(by_user) == set(range(USERS))
    for plays in by_user.values():
        assert plays[0][3] == 1.0
        for (number, route, _, _), (_, _, track, share) in pairwise(plays):
            if route == "last":
                assert share == 1.0
            else:
                assert track == number % TRACKS
    assert any(route == "last" for route, *_ in service.requests)


def test_a_rate_is_not_exceeded_and_what_was_missed_is_made_up_for(
    player: Callable[..., Player], sessions: Callable[..., Any]
) -> None:
    load = sessions(player().server_port)
    begun = time.perf_counter()
    load.pace(400)
    time.sleep(0.25)  # nobody sends
    play(load, 90)
    load.drain(10)
    assert load.answered <= 400 * (time.perf_counter() - begun) + 1
    lags = load.take().lags
    assert len(lags) == load.answered
    assert max(lags) >= 0.2


def test_a_connection_that_is_cut_counts_as_unanswered_and_is_replaced(
    player: Callable[..., Player], sessions: Callable[..., Any]
) -> None:
    service = player(cut=lambda number: number % 10 == 0)
    load = sessions(service.server_port)
    play(load, 100)
    load.drain(10)
    assert load.unanswered >= 10
    assert load.answered + load.unanswered == len(service.requests)


def test_a_service_that_is_gone_ends_the_load(
    module: Callable[[str], Any],
    player: Callable[..., Player],
    sessions: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module("load"), "_GONE_SECONDS", 0.05)
    service = player()
    load = sessions(service.server_port)
    play(load, 10)
    service.stop()
    assert not load.run(time.perf_counter() + 20)


def test_a_lost_line_and_one_too_many_are_told(
    module: Callable[[str], Any], tmp_path: Path
) -> None:
    soak = module("soak")
    (tmp_path / "data.json.0").write_text("{}\n" * 3)
    (tmp_path / "data.json.1").write_text("{}\n" * 4)
    (tmp_path / ".data.json.0.lock").write_text("\n")
    assert soak.count_lines(tmp_path) == 7
    assert soak.disagreements(7, answered=7, unanswered=0) == []
    assert soak.disagreements(7, answered=5, unanswered=2) == []
    assert "1 answered requests are not" in soak.disagreements(7, answered=8, unanswered=5)[0]
    assert "1 lines of the event log have no" in soak.disagreements(7, 5, unanswered=1)[0]


@pytest.mark.integration
@pytest.mark.parametrize("kind", ["sketch", "older"])
def test_the_baselines_speak_the_protocol(
    module: Callable[[str], Any],
    kind: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    baselines, data = module("baselines"), module("data").data(tmp_path, USERS, TRACKS, 1)
    log_dir = tmp_path / "log"
    log_dir.mkdir()
    with module("servers").valkey() as store:
        monkeypatch.setenv("REDIS_URL", store.url)
        app = baselines.create_app(kind, str(data.directory), str(log_dir))
        app.extensions["sessions"].load(data.directory)
        client = app.test_client()
        lists = dict(baselines.read_lists(data.directory))
        treatments = set()
        for user in range(USERS):
            own = lists[f"list:{user}"]
            # The first of the list was played: the second and third come, and never again.
            offered = [
                client.post(f"/next/{user}", data=json.dumps({"track": own[0], "time": 1})).json
                for _ in range(2)
            ]
            tracks = [answer["track"] for answer in offered]
            if tracks == own[1:3]:
                treatments.add("T1")
            else:
                assert {*tracks} <= {*lists[f"neighbours:{own[0]}"]}
                treatments.add("C")
            assert client.post(f"/last/{user}", data=b'{"track": 1, "time": 0}').json == {
                "user": user
            }
        assert treatments == {"C", "T1"}
        for body in (b"", b"[]", b'{"track": 1}', b'{"track": 200, "time": 1}'):
            assert client.post("/next/1", data=body).status_code == 400
        assert client.get("/track/199").json["track"] == 199
        assert client.get("/track/200").status_code == 404
        app.extensions["log"].close()
        app.extensions["sessions"].client.close()
    assert module("soak").count_lines(log_dir) == 3 * USERS


@needs_wrk
@pytest.mark.integration
def test_a_turn_measures_our_service_and_leaves_nothing_behind(
    module: Callable[[str], Any], tmp_path: Path
) -> None:
    data = module("data").data(tmp_path, USERS, TRACKS, seed=1)
    wrk = module("wrk").Wrk(data, seed=1)
    speed = module("speed")
    turn = speed.turn(speed.SERVICES[speed.OURS], data, wrk, (1, 4), 1)
    for run in turn.runs.values():
        assert run.load.requests > 0
        assert run.load.errors == 0
        assert run.service > 0
    assert sorted(process.role for process in turn.after) == [
        "parent",
        "valkey",
        "worker",
        "worker",
    ]
    assert all(process.pss > 0 for process in turn.after)
    for process in turn.after:
        assert not Path(f"/proc/{process.pid}").exists()


@pytest.mark.integration
def test_a_soak_finds_a_line_for_each_answer_and_draws(
    module: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    soak = module("soak")
    for name, value in (("_AT_ONCE", 10), ("_WARM_UP", 0.2), ("_PEAK", 0.5), ("_WINDOW", 0.5)):
        monkeypatch.setattr(soak, name, value)
    data = module("data").data(tmp_path, USERS, TRACKS, seed=1)
    found = soak.soak(data, minutes=0.03, share=0.2, connections=4, kill=False, seed=1)
    assert found.wrong == []
    assert found.lines == found.answered > 0
    assert len(found.windows) == 4
    picture = tmp_path / "soak.svg"
    module("soak_plot").draw(found.windows, found.rate, picture)
    assert "Resident memory" in picture.read_text()
