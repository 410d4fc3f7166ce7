"""The protocol, played by hand over HTTP against the real service."""

import json
import math
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import pytest
import redis
from jsonschema import Draft202012Validator

from contract.events import EVENT
from contract.schema import json_schema

pytestmark = pytest.mark.integration

Serve = Callable[..., Any]
Connect = Callable[[str], Any]
Botify = Callable[..., Any]

ONE_WORKER = {"workers": 1}
BIG_USER = 10**30
DAE_USER, CONTEXTUAL_USER = 7, 3  # T1 and C of DAE_VS_CONTEXTUAL

TYPES = {"text": str, "integer": int, "number": float, "object": dict}
SCHEMA = {
    field.name: (TYPES[field.kind], *([type(None)] if field.nullable else []))
    for field in EVENT
    if not field.only_if_forced
}
VALID = Draft202012Validator(json_schema("event"))


def check_schema(event: dict[str, Any]) -> None:
    assert list(event) == list(SCHEMA)
    VALID.validate(event)
    assert event["session"]
    for field, types in SCHEMA.items():
        assert type(event[field]) in types, field
    assert 0 <= event["time"] <= 1
    assert 0 < event["latency"] < 30
    assert abs(event["timestamp"] / 1000 - time.time()) < 600
    assert set(event["experiments"]) == {"DAE_VS_CONTEXTUAL"}
    assert event["experiments"]["DAE_VS_CONTEXTUAL"] in ("C", "T1")
    answered = ("recommendation", "recommender", "propensity")
    if event["message"] == "next":
        assert all(event[field] is not None for field in answered)
        assert 0 < event["propensity"] <= 1
    else:
        assert event["message"] == "last"
        assert all(event[field] is None for field in (*answered, "rank", "model_version"))


def play_session(connection: Any, user: int, first: int, n: int) -> list[int]:
    """First track and n recommended ones, ended with `last`; all tracks in order."""
    played = [first]
    heard = 1.0
    for _ in range(n):
        status, body = connection.play("next", user, played[-1], heard)
        assert status == 200
        assert set(body) == {"user", "track"}
        assert body["user"] == user
        played.append(body["track"])
        heard = 0.25
    assert connection.play("last", user, played[-1], heard) == (200, {"user": user})
    return played


def logs(served: Any) -> list[Path]:
    return sorted(served.log_dir.glob("data.json*"))


def gone_within(client: "redis.Redis", seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            client.ping()
        except redis.ConnectionError:
            return True
        time.sleep(0.05)
    return False


def test_a_session_by_hand(serve: Serve, connect: Connect) -> None:
    served = serve(ONE_WORKER)
    connection = connect(served.url)
    status, hello = connection.request("GET", "/")
    assert (status, hello["status"]) == (200, "alive")
    assert isinstance(hello["message"], str)

    played = {user: play_session(connection, user, 0, 30) for user in (DAE_USER, BIG_USER)}
    for tracks in played.values():
        assert len(set(tracks)) == len(tracks)
    play_session(connection, CONTEXTUAL_USER, 0, 30)
    assert served.stop() == 0

    names = sorted(path.name for path in served.log_dir.glob("[!.]*"))
    assert names == ["data.json", "published.jsonl"]
    events = served.log()
    assert len(events) == 3 * 31  # = requests answered
    for event in events:
        check_schema(event)
    for user, tracks in played.items():
        mine = [event for event in events if event["user"] == user]
        assert [event["message"] for event in mine] == ["next"] * 30 + ["last"]
        assert [event["track"] for event in mine] == tracks
        assert [event["recommendation"] for event in mine] == [*tracks[1:], None]
        assert [event["time"] for event in mine] == [1.0] + [0.25] * 30
        assert len({event["session"] for event in mine}) == 1

    # The list first (0 was played, so it may be skipped), then the popular tracks in order.
    of_dae = [event for event in events if event["user"] == DAE_USER][:-1]
    assert [event["recommender"] for event in of_dae] == ["dae"] * 10 + ["top_pop"] * 20
    assert [event["rank"] for event in of_dae][:10] == list(range(10))
    of_big = [event for event in events if event["user"] == BIG_USER][:-1]
    assert {event["recommender"] for event in of_big} == {"top_pop"}
    assert [event["recommendation"] for event in of_big] == list(range(39, 9, -1))
    of_contextual = [event for event in events if event["user"] == CONTEXTUAL_USER][:-1]
    for event in of_contextual:
        if event["track"] == 39:
            assert (event["recommender"], event["rank"]) == ("random", None)
        else:
            assert event["recommender"] == "contextual"
            assert event["recommendation"] == (event["track"] + 1 + event["rank"]) % 40
            assert event["propensity"] == 0.5


def test_tracks_are_described(serve: Serve, connect: Connect) -> None:
    connection = connect(serve(ONE_WORKER).url)
    expected = {"track": 5, "artist": "artist 1", "title": "title 5"}
    assert connection.request("GET", "/track/5") == (200, expected)
    status, body = connection.request("GET", "/track/40")
    assert (status, body) == (404, {"message": "there is no track 40"})


def test_several_workers_keep_one_users_events_in_order(serve: Serve, connect: Connect) -> None:
    served = serve({"workers": 2})
    sent: list[tuple[str, int]] = []
    connections: list[Any] = []
    # The kernel chooses a worker per connection: open more until both have had some.
    while len(connections) < 64:
        connections.append(connect(served.url))
        for connection in connections:
            route = "last" if len(sent) % 9 == 8 else "next"
            assert connection.play(route, DAE_USER, len(sent) % 40, 0.5)[0] == 200
            sent.append((route, len(sent) % 40))
        if len(connections) >= 4 and all(p.stat().st_size for p in logs(served)):
            break
    assert served.stop() == 0

    files = logs(served)
    assert [path.name for path in files] == ["data.json.0", "data.json.1"]
    assert all(path.stat().st_size for path in files)
    events = served.log()
    assert [(event["message"], event["track"]) for event in events] == sent
    assert all(a["timestamp"] < b["timestamp"] for a, b in pairwise(events))
    for _, run in groupby(events, key=lambda event: event["session"]):
        session = list(run)
        assert [event["message"] for event in session[:-1]] == ["next"] * (len(session) - 1)
        known: set[int] = set()
        for event in session:
            known.add(event["track"])
            assert event["recommendation"] not in known
            known.add(event["recommendation"])
    assert len({event["session"] for event in events}) == math.ceil(len(events) / 9)


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_under_load_loses_no_answered_event(
    serve: Serve, connect: Connect, by: signal.Signals
) -> None:
    served = serve({"workers": 2})
    answered = [0] * 4
    failures: list[int] = []

    def listen(client: int) -> None:
        connection = connect(served.url)
        try:
            while True:
                status, _ = connection.play("next", client, answered[client] % 40, 0.5)
                if status != 200:
                    failures.append(status)
                answered[client] += 1
        except OSError:
            return  # the service is gone

    threads = [threading.Thread(target=listen, args=(client,)) for client in range(4)]
    for thread in threads:
        thread.start()
    while min(answered) < 20:
        time.sleep(0.01)
    assert served.stop(by) == 0
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(served.log()) == sum(answered)


def test_nothing_is_left_behind(serve: Serve) -> None:
    served = serve()
    announced = json.loads((served.data_dir / "serve.json").read_text())
    assert (announced["pid"], announced["url"]) == (served.process.pid, served.url)
    with redis.Redis.from_url(announced["redis_url"]) as client:
        client.ping()
        assert served.stop() == 0
        with pytest.raises(redis.ConnectionError):
            client.ping()
    assert not Path(announced["redis_url"].removeprefix("unix://")).parent.exists()
    assert not (served.data_dir / "serve.json").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_even_a_killed_service_leaves_no_valkey(serve: Serve) -> None:
    served = serve()
    announced = json.loads((served.data_dir / "serve.json").read_text())
    with redis.Redis.from_url(announced["redis_url"]) as client:
        served.stop(signal.SIGKILL)
        assert gone_within(client, seconds=30)
    shutil.rmtree(Path(announced["redis_url"].removeprefix("unix://")).parent)


def test_lists_are_replaced_while_the_service_runs(
    serve: Serve, connect: Connect, botify: Botify, tmp_path: Path
) -> None:
    served = serve()
    assert connect(served.url).play("next", DAE_USER, 0, 1.0)[1]["track"] == DAE_USER

    load = ("lists", "load", "--name", "dae", "--data-dir", served.data_dir)
    fresh = tmp_path / "fresh.json"
    fresh.write_text('{"user": 7, "tracks": [33, 34]}\n')
    lost = botify(*load, fresh)
    assert lost.returncode == 2
    assert "only 1 of the 20 users in service are in it, less than least_kept (0.5)" in lost.stderr
    assert lost.stderr.count("\n") == 1
    done = botify(*load, fresh, "--force")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("dae (1 lists): version ")
    assert done.stdout.endswith(" is in service; 19 owners of a list before have none now\n")
    assert connect(served.url).play("next", DAE_USER, 7, 1.0)[1]["track"] == 33

    fresh.write_text('{"user": 7, "tracks": [35]}\n{"user": 8, "tracks": [40]}\n')
    refused = botify(*load, fresh)
    assert refused.returncode == 2
    assert refused.stderr == (
        f"Error: {fresh}:2: `tracks`: track 40 is not in the catalog (0 to 39)\n"
    )
    assert connect(served.url).play("next", DAE_USER, 33, 1.0)[1]["track"] == 34
    assert served.stop() == 0
    versions = [event["model_version"] for event in served.log()]
    assert versions[0] != versions[1] == versions[2]
    # Lists that are switched live do not make it another run.
    assert len({(event["run"], event["world_version"]) for event in served.log()}) == 1


def test_a_list_is_loaded_into_the_service_that_is_meant(
    serve: Serve, connect: Connect, botify: Botify, tmp_path: Path
) -> None:
    first, second = serve(ONE_WORKER), serve(ONE_WORKER)
    fresh = tmp_path / "fresh.json"
    rows = ({"user": user, "tracks": [33, 34]} for user in range(20))
    fresh.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    load = ("lists", "load", fresh, "--name", "dae", "--data-dir", second.data_dir)
    done = botify(*load)
    assert done.returncode == 2
    assert done.stderr.startswith(f"Error: several services run on {second.data_dir}: http")
    assert done.stderr.endswith("; choose one with --port\n")
    for served in (first, second):
        assert f"{served.url} (pid {served.process.pid})" in done.stderr
    done = botify(*load, "--port", "1")
    assert done.returncode == 2
    assert "has port 1; running: http" in done.stderr
    done = botify(*load, "--port", second.url.rsplit(":", 1)[1])
    assert done.returncode == 0, done.stderr
    assert connect(second.url).play("next", DAE_USER, 0, 1.0)[1]["track"] == 33
    assert connect(first.url).play("next", DAE_USER, 0, 1.0)[1]["track"] == DAE_USER

    assert second.stop() == 0
    done = botify(*load)  # only the first is there
    assert done.returncode == 0, done.stderr
    assert connect(first.url).play("next", DAE_USER, 33, 1.0)[1]["track"] == 34
    assert first.stop(signal.SIGKILL) == -signal.SIGKILL
    done = botify(*load)
    assert done.returncode == 2
    assert done.stderr.startswith("Error: no service with an embedded Valkey runs on ")
    third = serve(ONE_WORKER)
    assert sorted(path.name for path in third.data_dir.glob("serve*")) == ["serve.json"]
    refused = botify(*load, "--port", "1", REDIS_URL="redis://127.0.0.1:1")
    assert "Error: --port selects a service with an embedded Valkey" in refused.stderr


@pytest.mark.parametrize("kind", ["pipe", "directory", "device", "endless", "none"])
def test_what_is_no_file_with_an_end_is_refused_at_once(
    serve: Serve, botify: Botify, tmp_path: Path, kind: str
) -> None:
    served = serve(ONE_WORKER)
    path = tmp_path / "it"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    elif kind == "device":
        path = Path("/dev/zero")
    elif kind == "endless":
        path.touch()
        os.truncate(path, 2**40)
    words = ("lists", "load", path, "--name", "dae", "--data-dir", served.data_dir)
    others = ("lists", "load", path, "--name", "top_tracks", "--data-dir", served.data_dir)
    config = ("serve", "--config", path, "--port", "0")
    for done in (botify(*words), botify(*others), botify(*config)):
        assert done.returncode == 2
        assert done.stderr.startswith(f"Error: {path}")
        assert done.stderr.count("\n") == 1


def test_loading_without_a_service_says_so(botify: Botify, data_dir: Path) -> None:
    path = data_dir / "lists" / "recommendations.json"
    done = botify("lists", "load", path, "--name", "dae", "--data-dir", data_dir)
    assert done.returncode == 2
    assert done.stderr.startswith("Error: no service with an embedded Valkey runs on ")
    unknown = botify("lists", "load", path, "--name", "bpr", "--data-dir", data_dir)
    assert unknown.returncode == 2
    assert "there is no list 'bpr'; the config has dae, contextual, top_tracks" in unknown.stderr


def test_a_given_redis_is_used_and_left_running(
    serve: Serve, connect: Connect, botify: Botify, tmp_path: Path
) -> None:
    # Any Redis will do; the one at hand is that of another service.
    url = json.loads((serve().data_dir / "serve.json").read_text())["redis_url"]
    served = serve(ONE_WORKER, REDIS_URL=url)
    connection = connect(served.url)
    assert connection.play("next", DAE_USER, 0, 1.0)[1]["track"] == DAE_USER
    with redis.Redis.from_url(url) as client:
        assert client.exists(f"botify:session:{DAE_USER}")
        fresh = tmp_path / "fresh.json"
        fresh.write_text('{"user": 7, "tracks": [33]}\n')
        load = ("lists", "load", fresh, "--name", "dae", "--data-dir", served.data_dir)
        done = botify(*load, "--force", REDIS_URL=url)
        assert done.returncode == 0, done.stderr
        assert served.stop() == 0
        assert client.ping()


def test_a_redis_that_went_away_is_no_reason_not_to_answer(serve: Serve, connect: Connect) -> None:
    owner = serve()
    url = json.loads((owner.data_dir / "serve.json").read_text())["redis_url"]
    served = serve(ONE_WORKER, REDIS_URL=url)
    connection = connect(served.url)
    owner.stop()
    for route in ("next", "last"):
        assert connection.play(route, DAE_USER, 0, 1.0)[0] == 200
    status, ready = connection.request("GET", "/health/ready")
    assert (status, ready["status"]) == (200, "degraded")
    assert connection.request("GET", "/health")[0] == 503
    assert served.stop() == 0
    first, last = served.log()
    assert (first["recommender"], first["session"]) == ("fallback", None)
    assert last["message"] == "last"


def test_help_and_version(botify: Botify) -> None:
    for command in ([], ["serve"], ["lists"], ["lists", "load"]):
        done = botify(*command, "--help")
        assert done.returncode == 0
        assert "Usage: botify" in done.stdout
    assert "version" in botify("--version").stdout
