"""What the live page tells, and to whom it answers."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from offline.cli import main
from offline.errors import InputError
from offline.experiment.aggregates.aggregate import aggregate
from offline.experiment.analysis import Options, analyse
from offline.experiment.metric_files import built_in
from offline.logs.reader import open_logs
from offline.watch.batch import Question
from offline.watch.server import Board, etag, serve
from offline.watch.watcher import Watched, Watcher

EXPERIMENT = "DAE_VS_CONTEXTUAL"
PAGE = Path(__file__).parents[3] / "offline" / "watch"
VERDICT_WORDS = re.compile(r"\b(ship|win|wins|lose|loses|better|worse|above|below)\b", re.I)


@pytest.fixture
def watcher(
    write_log: Callable[..., Path], make_events: Callable[..., list[dict[str, Any]]]
) -> Watcher:
    log = write_log(make_events(n_users=300, lift=1.5))
    found = Watcher(Watched([str(log)], Question(EXPERIMENT), names={"T1": "<b>DAE</b>"}))
    found.read_all()
    found.look()
    return found


def sentences(watcher: Watcher, now: float) -> str:
    told = watcher.told(now)["treatments"][1]
    return f"{told['sentence']} {told['words']} {told['standing']}"


def test_it_stops_telling_when_the_log_stops(watcher: Watcher) -> None:
    written = watcher.news.written
    live = watcher.told(written + 5)
    assert not live["log"]["stopped"]
    assert live["treatments"][1]["standing"] == "above"
    assert live["treatments"][1]["words"] == "above the control"
    late = watcher.told(written + 31)
    assert late["log"]["stopped"]
    assert late["log"]["silence"] == pytest.approx(31)
    assert late["treatments"][1]["standing"] is None
    assert not VERDICT_WORDS.search(sentences(watcher, written + 31))
    # The figures stay: they are of then.
    assert late["treatments"][1]["effect"] == live["treatments"][1]["effect"]


def test_a_log_whose_lines_are_seldom_has_not_stopped_so_soon(
    write_log: Callable[..., Path], make_events: Callable[..., list[dict[str, Any]]]
) -> None:
    events = make_events(n_users=300)
    log = write_log(events)
    # As if it had been written live: its last line is of now.
    os.utime(log, (events[-1]["timestamp"] / 1000,) * 2)
    watcher = Watcher(Watched([str(log)], Question(EXPERIMENT)))
    watcher.read_all()
    watcher.look()
    last = events[-1]["timestamp"] / 1000
    gap = watcher.told(last + 1)["log"]["usual_gap"]
    assert gap == pytest.approx(
        (events[-1]["timestamp"] - events[-1000]["timestamp"]) / 999 / 1000
    )
    assert watcher.told(last + 19 * gap)["log"]["lag"] == pytest.approx(19 * gap, abs=0.01)
    assert not watcher.told(last + 19 * gap)["log"]["stopped"]
    assert watcher.told(last + 21 * gap)["log"]["stopped"]


def test_a_log_with_a_clock_of_its_own_has_no_lag(watcher: Watcher) -> None:
    log = watcher.told()["log"]
    assert log["lag"] is None
    assert log["usual_gap"] is None
    assert log["stopped_after"] == 30


def test_a_health_stop_takes_the_words(
    write_log: Callable[..., Path], make_events: Callable[..., list[dict[str, Any]]]
) -> None:
    events = [
        event | ({"recommender": "fallback"} if i % 20 == 0 else {})
        for i, event in enumerate(make_events(n_users=300, lift=1.5))
    ]
    watcher = Watcher(Watched([str(write_log(events))], Question(EXPERIMENT)))
    watcher.read_all()
    watcher.look()
    told = watcher.told(watcher.news.written)
    assert "stop" in {row["status"] for row in told["health"] if row["name"] == "fallback"}
    assert told["treatments"][1]["standing"] is None
    assert told["treatments"][1]["words"].startswith("not to be relied upon: fallback: ")


def test_a_wrong_split_is_in_the_health_and_takes_the_words(
    write_log: Callable[..., Path], make_events: Callable[..., list[dict[str, Any]]]
) -> None:
    log = write_log(make_events(n_users=400, lift=1.5))
    weights = {"C": 3.0, "T1": 1.0}
    watcher = Watcher(Watched([str(log)], Question(EXPERIMENT), weights))
    watcher.read_all()
    told = watcher.told(watcher.news.written)
    assert told["health"][0]["name"] == "sample_ratio"
    assert told["health"][0]["status"] == "stop"
    assert told["treatments"][1]["standing"] is None


def test_the_metric_is_the_built_in_one(watcher: Watcher) -> None:
    metric = built_in()["mean_session_time"]
    told = watcher.told()["metric"]
    assert (told["title"], told["unit"]) == (metric.title, metric.unit.strip())
    assert told["confidence"] == 0.95


def test_a_smaller_alpha_makes_wider_intervals_as_in_analyze(
    write_log: Callable[..., Path], make_events: Callable[..., list[dict[str, Any]]]
) -> None:
    log = write_log(make_events(n_users=300, lift=1.5))
    watcher = Watcher(Watched([str(log)], Question(EXPERIMENT), alpha=0.001))
    watcher.read_all()
    watcher.look()
    with open_logs([log]) as events:
        last = analyse(aggregate(events, EXPERIMENT), None, Options(alpha=0.001)).looks["T1"][-1]
    told = watcher.told()
    assert told["metric"]["confidence"] == 0.999
    mine = told["treatments"][1]
    assert (mine["lower"], mine["upper"]) == pytest.approx((last.lower, last.upper), rel=1e-9)


def test_no_p_value_of_a_single_look_is_told(watcher: Watcher) -> None:
    text = json.dumps(watcher.told())
    assert "chi-squared" not in text
    assert "fixed" not in text
    assert text.count('"p":') == 1  # of the sample ratio, which is always-valid


def test_the_json_has_the_fields_of_its_documentation(watcher: Watcher) -> None:
    documented = (
        Path(__file__).parents[3] / "docs" / "how-to" / "follow-an-experiment.md"
    ).read_text()

    def names(value: object) -> Iterator[str]:
        if isinstance(value, dict):
            for key, inner in value.items():
                yield key
                yield from names(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from names(inner)

    missing = {name for name in names(watcher.told()) if f"`{name}`" not in documented}
    assert not missing


def test_the_etag_is_of_what_is_told_and_not_of_how_old_it_is(watcher: Watcher) -> None:
    written = watcher.news.written
    one, other = watcher.told(written + 1), watcher.told(written + 2)
    assert one["told_at"] != other["told_at"]
    assert etag(one) == etag(other)
    assert etag(one) != etag(watcher.told(written + 60))  # stopped


@pytest.fixture
def port(watcher: Watcher) -> Iterator[int]:
    server = serve(Board(watcher.told()), 0)
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def ask(
    port: int, path: str = "/", method: str = "GET", **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


def test_the_page_loads_nothing_from_elsewhere(port: int) -> None:
    for path, kind in (("/", "html"), ("/page.js", "javascript"), ("/page.css", "css")):
        answer, body = ask(port, path)
        assert answer.status == 200
        assert kind in answer.headers["Content-Type"]
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        named = set(re.findall(rb"https?://[^\"' )]+", body))
        assert named <= {b"http://www.w3.org/2000/svg"}


def test_names_go_into_the_page_as_text() -> None:
    script = (PAGE / "page.js").read_text()
    assert "innerHTML" not in script
    assert "insertAdjacentHTML" not in script
    assert "document.write" not in script


def test_state_has_an_etag(port: int, watcher: Watcher) -> None:
    answer, body = ask(port, "/state.json")
    assert json.loads(body)["treatments"][1]["name"] == "<b>DAE</b> (T1)"
    tag = answer.headers["ETag"]
    again, empty = ask(port, "/state.json", If_None_Match=tag)
    assert (again.status, empty, again.headers["ETag"]) == (304, b"", tag)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", "[::1]"])
def test_other_hosts_are_refused(port: int, host: str) -> None:
    for path in ("/", "/state.json", "/page.js"):
        answer, body = ask(port, path, Host=host.format(port=port))
        assert answer.status == 403
        assert "127.0.0.1 and localhost" in json.loads(body)["message"]


def test_localhost_is_this_machine_too(port: int) -> None:
    assert ask(port, "/state.json", Host=f"localhost:{port}")[0].status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"])
def test_only_get_is_answered(port: int, method: str) -> None:
    answer, _ = ask(port, "/state.json", method)
    assert answer.status == 405
    assert answer.headers["Allow"] == "GET"


def test_what_is_not_there_is_404(port: int) -> None:
    for path in ("/nothing", "/../server.py", "/page.html"):
        answer, body = ask(port, path)
        assert answer.status == 404
        assert "/state.json" in json.loads(body)["message"]


def test_the_server_is_on_loopback_alone_and_a_taken_port_is_named(port: int) -> None:
    with pytest.raises(
        InputError, match=f"port {port} of 127.0.0.1 is taken; give botify-offline watch"
    ):
        serve(Board({}), port)
    others = [
        found[4][0]
        for found in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)
        if not found[4][0].startswith("127.")
    ]
    for address in others:
        with pytest.raises(OSError, match=r"refused|timed out|unreachable"):
            socket.create_connection((str(address), port), timeout=1)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["watch", "{log}/nowhere", "--experiment", "E"], "no such log"),
        (["watch", "{log}", "--experiment", "E", "--weights", "C"], "--weights"),
        (["analyze", "{log}", "--experiment", "E", "--watch", "--cap", "99"], "--cap"),
        (["watch", "{log}", "--experiment", "E", "--every", "0"], "--every"),
        (["watch", "{log}", "--experiment", "E", "--alpha", "2"], "--alpha 2"),
        (["analyze", "{log}", "--watch"], "--watch needs --experiment"),
        (["analyze", "--table", "users.csv", "--watch"], "--watch does not go with --table"),
        (["analyze", "--events", "rows.csv", "--watch"], "--watch does not go with --events"),
        (["analyze", "{log}", "--watch", "--guardrail", "sessions=5"], "not go with --guardrail"),
        (["watch", "{log}", "--experiment", "E", "--metrics", "m.yml"], "m.yml cannot be read"),
        (["watch", "{log}", "--experiment", "E", "--primary", "x"], "--primary x: there is no"),
    ],
)
def test_bad_input_is_said_in_a_line(tmp_path: Path, words: list[str], told: str) -> None:
    found = CliRunner().invoke(main, [word.format(log=tmp_path) for word in words])
    assert found.exit_code == 2
    assert told in found.output.splitlines()[-1]


def test_analyze_can_watch_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from offline.commands import analyze

    called: list[tuple[Any, ...]] = []
    monkeypatch.setattr(analyze, "watch", lambda *words: called.append(words))
    words = ["analyze", str(tmp_path), "--experiment", "E", "--watch", "--run", "r1"]
    words += ["--weights", "C=9,T1=1", "--drop-users", "7"]
    words += ["--alpha", "0.01", "--primary", "time_per_user", "--primary", "mean_request_time"]
    found = CliRunner().invoke(main, [*words, "--json", str(tmp_path / "state.json")])
    assert (found.exit_code, found.output) == (0, "")
    weights = {"C": 9.0, "T1": 1.0}
    metrics = built_in().with_primaries(["time_per_user", "mean_request_time"])
    question = Question("E", "r1", ["7"], metrics)
    watched = Watched((str(tmp_path),), question, weights, alpha=0.01)
    assert called == [(watched, tmp_path / "state.json")]


@pytest.mark.integration
def test_the_command_follows_until_it_is_interrupted(
    tmp_path: Path, make_events: Callable[..., list[dict[str, Any]]]
) -> None:
    lines = [json.dumps(event) + "\n" for event in make_events()]
    log, state = tmp_path / "log" / "data.json", tmp_path / "state.json"
    log.parent.mkdir()
    log.write_text("".join(lines[:-500]))
    program = Path(sys.executable).parent / "botify-offline"
    command = ["watch", log.parent, "--experiment", EXPERIMENT, "--json", state]
    command += ["--port", "0", "--every", "0.5"]
    process = subprocess.Popen(
        list(map(str, [program, *command])), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        assert process.stdout is not None
        page = process.stdout.readline().decode()
        at = int(re.search(r"127\.0\.0\.1:(\d+)/", page)[1])  # type: ignore[index]
        until(lambda: json.loads(ask(at, "/state.json")[1])["phase"] == "watching")
        with log.open("a") as file:
            file.writelines(lines[-500:])
        until(
            lambda: (
                json.loads(ask(at, "/state.json")[1])["log"]["lines_of_experiment"] == len(lines)
            )
        )
        until(lambda: json.loads(state.read_text())["log"]["lines_of_experiment"] == len(lines))
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        assert rest.decode().endswith("ended\n")
        assert "Traceback" not in rest.decode()
    finally:
        process.kill()
        process.wait()


def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.2)
