"""Lists that are replaced while listeners play: each answer comes from one version of one list."""

import json
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

from botify.config import ListFile
from botify.lists.loader import LoadedList, load_list
from botify.lists.reader import ListKind

from .load import N_TRACKS, Event, Load, ask, check_log, check_sessions, metric, until

pytestmark = pytest.mark.integration

Serve = Callable[..., Any]
Botify = Callable[..., Any]
Lists = dict[int, list[int]]

N_LISTS = 600
"""Lists in a file: enough for several commands, so that a version takes a while to build."""
MIN_FREE = {"log": {"min_free_bytes": 0}}
"""Little space on the disk of the machine that tests is no matter of these tests."""


def write_version(path: Path, name: str, seed: int) -> Lists:
    """A file of the list `name` in which nearly every place holds another track than in others."""
    rng = random.Random(seed)
    owner, tracks = ("user", "tracks") if name == "dae" else ("track", "recommendations")
    owners = range(N_LISTS if name == "dae" else N_TRACKS)
    # Nobody's neighbour is itself: the clients take the track just played for a wrong answer.
    lists = {o: rng.sample([t for t in range(N_TRACKS) if t != o], 12) for o in owners}
    aside = path.with_suffix(".aside")
    aside.write_text("".join(f"{json.dumps({owner: o, tracks: lists[o]})}\n" for o in owners))
    aside.replace(path)
    return lists


def versions_of(client: "redis.Redis", name: str) -> tuple[str, set[str]]:
    """The version in service, and all keys of the list, those being built included."""
    served = client.hget("botify:lists", name)
    assert isinstance(served, bytes)
    return served.decode(), {key.decode() for key in client.keys(f"botify:lists:{name}:*")}


def check_versions(events: list[Event], lists: dict[str, Lists]) -> dict[str, int]:
    """Each track is at its rank in the list of the version logged; how many answers had which."""
    answers = dict.fromkeys(lists, 0)
    for event in events:
        if event["recommender"] in ("dae", "contextual"):
            version = lists[event["model_version"]]
            owner = event["user" if event["recommender"] == "dae" else "track"]
            assert version[owner][event["rank"]] == event["recommendation"], event
            answers[event["model_version"]] += 1
    return answers


def redis_of(served: Any) -> "redis.Redis":
    url = json.loads((served.data_dir / "serve.json").read_text())["redis_url"]
    return redis.Redis.from_url(url)


@pytest.mark.parametrize("reloads", [4, pytest.param(20, marks=pytest.mark.nightly)])
def test_reloads_under_load_mix_no_versions_and_leave_none_behind(
    serve: Serve, botify: Botify, tmp_path: Path, reloads: int
) -> None:
    served = serve()
    path = tmp_path / "next.json"
    lists: dict[str, Lists] = {}

    def load(name: str) -> Any:
        done = botify("lists", "load", path, "--name", name, "--data-dir", served.data_dir)
        running.goes_on(5)
        return done

    with redis_of(served) as client, Load(served.url) as running:
        for name in ("dae", "contextual"):
            lists[versions_of(client, name)[0]] = _shipped(served.data_dir, name)
        popular, _ = versions_of(client, "top_tracks")
        running.goes_on(5)
        for number in range(reloads):
            name = ("dae", "contextual")[number % 2]
            before, _ = versions_of(client, name)
            fresh = write_version(path, name, seed=number)
            done = load(name)
            assert done.returncode == 0, done.stderr
            version, keys = versions_of(client, name)
            assert version != before
            assert f"version {version} is in service" in done.stdout
            assert keys == {f"botify:lists:{name}:{version}"}
            lists[version] = fresh
            if number in (2, 3):
                with path.open("a") as file:
                    file.write('{"user": 1000, "track": 0, "tracks": [40]}\n')
                refused = load(name)
                assert refused.returncode == 2
                assert refused.stderr.startswith(f"Error: {path}:")
                assert versions_of(client, name) == (version, keys)
    assert running.failures == []
    assert served.stop() == 0
    events = served.log()
    check_log(events, running)
    check_sessions(events)
    assert not any(event["recommender"] == "fallback" for event in events)
    answers = check_versions(events, lists)
    assert len(answers) == reloads + 2
    assert all(answers.values())
    # Beside the log, wherever that is.
    record = (served.log_dir / "published.jsonl").read_text().splitlines()
    published = [json.loads(line)["version"] for line in record]
    assert sorted(published) == sorted([*lists, popular])


def test_a_reload_is_never_undone_by_the_service_that_looks_for_missing_lists(
    serve: Serve, tmp_path: Path
) -> None:
    served = serve()
    files = [tmp_path / f"{number}.json" for number in range(2)]
    for number, path in enumerate(files):
        write_version(path, "contextual", number)
    with redis_of(served) as client:

        def load(path: Path) -> LoadedList:
            spec = ListFile(file=path)
            return load_list(client, "contextual", spec, ListKind.NEIGHBOURS, N_TRACKS)

        # The service looks twice a second, for less than a millisecond: many switches, each of
        # which may come between two of its questions.
        version, until_then = load(files[0]).version, time.monotonic() + 5
        while time.monotonic() < until_then:
            for path in reversed(files):
                loaded = load(path)
                assert loaded.replaced == version
                version = loaded.version
    assert served.stop() == 0


def test_two_loads_at_once_leave_one_version_whole(
    serve: Serve, botify: Botify, tmp_path: Path
) -> None:
    served = serve()
    files = [tmp_path / f"{number}.json" for number in range(2)]
    written = [write_version(path, "dae", number) for number, path in enumerate(files)]
    done: list[Any] = []

    def load(path: Path) -> None:
        done.append(botify("lists", "load", path, "--name", "dae", "--data-dir", served.data_dir))

    with redis_of(served) as client, Load(served.url) as running:
        before, _ = versions_of(client, "dae")
        # The same file twice, too: both build the same version.
        loads = [threading.Thread(target=load, args=(path,)) for path in (*files, files[0])]
        for thread in loads:
            thread.start()
        for thread in loads:
            thread.join()
        version, keys = versions_of(client, "dae")
        assert keys == {f"botify:lists:dae:{version}"}
        assert client.hlen(f"botify:lists:dae:{version}") == N_LISTS
        running.goes_on()
    assert [one.returncode for one in done] == [0, 0, 0], done
    assert running.failures == []
    assert served.stop() == 0
    named = {one.stdout.split("version ")[1].split()[0] for one in done}
    assert version in named
    events = served.log()
    check_log(events, running)
    known = {event["model_version"] for event in events if event["recommender"] == "dae"}
    assert version in known
    assert known <= named | {before}
    last = [event for event in events if event["recommender"] == "dae"][-1]
    assert last["model_version"] == version
    whose = [lists[last["user"]][last["rank"]] == last["recommendation"] for lists in written]
    assert any(whose)


def test_a_watched_file_is_loaded_when_it_changes_and_a_bad_one_is_told(serve: Serve) -> None:
    served = serve({"watch_lists": True, "watch_settle": 0.6} | MIN_FREE)
    path = served.data_dir / "lists" / "recommendations.json"
    lists: dict[str, Lists] = {}
    with redis_of(served) as client, Load(served.url) as running:

        def served_now() -> str:
            return versions_of(client, "dae")[0]

        for name in ("dae", "contextual"):
            lists[versions_of(client, name)[0]] = _shipped(served.data_dir, name)
        for number in range(2):
            before = served_now()
            fresh = write_version(path, "dae", seed=number)
            until(lambda before=before: served_now() != before)
            lists[served_now()] = fresh
            running.goes_on(5)
        version = served_now()
        good = path.read_text()
        path.write_text(good + '{"user": 1000, "tracks": [40]}\n')
        (reason,) = until(lambda: ask(served.url, "/health")[1].get("reasons"))
        assert f"{path}:{N_LISTS + 1}: " in reason
        until(lambda: metric(served.url, "botify_list_refused") == 1)
        assert ask(served.url, "/health/ready")[1]["status"] == "ready"
        assert served_now() == version
        path.write_text(good)
        until(lambda: ask(served.url, "/health")[0] == 200)
        running.goes_on()
        assert served_now() == version
    assert running.failures == []
    assert served.stop() == 0
    events = served.log()
    check_log(events, running)
    check_sessions(events)
    assert all(check_versions(events, lists).values())


def _shipped(data_dir: Path, name: str) -> Lists:
    """What the service started with."""
    names = {"dae": ("recommendations", "user", "tracks")}
    names["contextual"] = ("neighbours", "track", "recommendations")
    file, owner, tracks = names[name]
    rows = map(json.loads, (data_dir / "lists" / f"{file}.json").read_text().splitlines())
    return {row[owner]: row[tracks] for row in rows}
