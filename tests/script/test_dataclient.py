"""The command line: what it refuses, and in which words."""

import os
import pty
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from script.dataclient import main

DATACLIENT = Path(__file__).resolve().parents[2] / "script" / "dataclient.py"


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an empty directory, and with nobody's settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HDFSCLI_CONFIG", str(tmp_path / "hdfscli.cfg"))
    for name in ("HDFS_URL", "COMPOSE_PROJECT_NAME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    directory = tmp_path / "log"
    directory.mkdir()
    (directory / "data.json").write_bytes(b'{"user": 1}\n')
    return directory


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def assert_refused(result: Result, *words: str) -> None:
    last = result.stderr.splitlines()[-1]
    assert last.startswith("Error: ")
    assert all(word in last for word in words), last
    assert result.exit_code == 2
    assert result.stdout == ""


def test_no_user(log: Path) -> None:
    assert_refused(call("log2hdfs", "logs"), "--user")


def test_no_log_directory() -> None:
    assert_refused(call("log2local", "out"), "log: no such directory", "--log-dir")


def test_no_log_in_the_directory(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    assert_refused(call("log2local", "out"), "log (--log-dir): no data.json*")


def test_no_whole_line(log: Path) -> None:
    (log / "data.json").write_bytes(b'{"user"')
    result = call("log2local", "out")
    assert_refused(result, "no data.json* there has a complete line")
    assert "data.json: the last line is incomplete; its 7 bytes" in result.stderr


@pytest.mark.parametrize(
    "directory", ["", ".", "..", "/logs", "a/../..", "a//b", "#LATEST", "a:b"]
)
def test_a_target_that_is_not_below_the_users_home(log: Path, directory: str) -> None:
    assert_refused(call("--user", "ann", "log2hdfs", "--cleanup", directory), "/user/ann")


@pytest.mark.parametrize("user", ["", "..", "a/b"])
def test_a_user_that_is_no_name(log: Path, user: str) -> None:
    assert_refused(call("--user", user, "log2hdfs", "logs"), "--user")


def test_a_url_without_a_scheme(log: Path) -> None:
    assert_refused(
        call("--user", "ann", "log2hdfs", "--url", "namenode:50070", "logs"),
        "namenode:50070",
        "http://",
    )


def test_an_alias_that_is_not_there(log: Path, tmp_path: Path) -> None:
    (tmp_path / "hdfscli.cfg").write_text("[global]\ndefault.alias = gone\n")
    assert_refused(call("--user", "ann", "log2hdfs", "logs"), "hdfscli.cfg", "gone", "--url")


def test_a_settings_file_that_cannot_be_read(log: Path, tmp_path: Path) -> None:
    (tmp_path / "hdfscli.cfg").write_text("default.alias = dev\n")
    assert_refused(call("--user", "ann", "log2hdfs", "logs"), "hdfscli.cfg")


def test_the_log_directory_as_target(log: Path) -> None:
    assert_refused(call("log2local", "log"), "is the log directory itself")
    assert (log / "data.json").read_bytes() == b'{"user": 1}\n'


def test_a_file_as_target(log: Path) -> None:
    assert_refused(call("log2local", "log/data.json"), "log/data.json is a file")


def test_a_directory_of_containers_that_is_not_the_whole_path(log: Path) -> None:
    assert_refused(
        call("--recommender", "2", "log2local", "--log-dir", "log", "out"),
        "--log-dir log",
        "absolute path",
    )


def test_a_directory_that_cannot_be_made_is_named(log: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_bytes(b"")
    result = call("log2local", "taken/out")
    assert result.exit_code == 1
    assert "Error: taken" in result.stderr


def test_log2local_says_what_it_did(log: Path, tmp_path: Path) -> None:
    result = call("log2local", "out")
    part = tmp_path / "out" / "botify-recommender-1" / "data.json"
    assert part.read_bytes() == b'{"user": 1}\n'
    assert result.stdout.startswith("Files shipped: 1 (already there: 0); 12 bytes in 1 part in ")
    assert result.stdout.endswith("MB/s) to out\n")
    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.integration
def test_a_terminal_sees_progress_with_its_rate(log: Path) -> None:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    command = [sys.executable, DATACLIENT, "log2local", "out"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs, timeout=60)
    os.close(theirs)
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        shown = terminal.read(10_000).decode()
    assert done.returncode == 0
    assert "100%" in shown
    assert "B/s" in shown
