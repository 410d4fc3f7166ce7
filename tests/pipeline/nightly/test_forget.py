"""A user's lines leave the event logs of a directory."""

import fcntl
import gzip
import json
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner

from pipeline.nightly.cli import main
from pipeline.nightly.config import Source
from pipeline.nightly.directory import Night, StopNightError
from pipeline.nightly.forget import RECORD, forget, read_key
from pipeline.nightly.steps import extract

_KEY = b"0123456789abcdef"
_EVENT = {"message": "event", "event": "view", "item": "i1", "timestamp": 1_767_225_600_000}
_ANA, _BOB = (json.dumps(_EVENT | {"user": user}) for user in ("ana", "bob"))


def _log(log: Path, **files: list[str]) -> Path:
    log.mkdir()
    for number, lines in files.items():
        (log / f"data.json.{number[1:]}").write_text("".join(f"{line}\n" for line in lines))
    return log


def _records(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (log / RECORD).read_text().splitlines()]


def test_only_the_lines_of_the_user_go(tmp_path: Path) -> None:
    log = _log(tmp_path / "log", f1=[_ANA, _BOB, _ANA], f2=[_BOB])
    (log / "inner").mkdir()
    with gzip.open(log / "inner/data.json.gz", "wt") as file:
        file.write(f"{_ANA}\n{_BOB}\n")
    untouched = (log / "data.json.2").stat()
    found = forget("ana", log, _KEY)
    assert found.lines == {"data.json.1": 2, "inner/data.json.gz": 1}
    assert (log / "data.json.1").read_text() == f"{_BOB}\n"
    assert gzip.decompress((log / "inner/data.json.gz").read_bytes()).decode() == f"{_BOB}\n"
    assert (log / "data.json.2").stat() == untouched
    begin, end = _records(log)
    assert (begin["action"], end["action"], end["lines"]) == ("begin", "end", 3)
    assert "ana" not in (log / RECORD).read_text()
    assert found.hash == end["user_hash"] != forget("ana", log, _KEY[::-1]).hash
    night = tmp_path / "night"
    night.mkdir()
    extract.work(Source(kind="log", place=str(log)), Night(date(2026, 1, 1), "shop", night), night)
    users = duckdb.execute(f"SELECT DISTINCT \"user\" FROM '{night / extract.OUT}'").fetchall()
    assert users == [("bob",)]


def test_an_id_is_what_it_is_in_its_face(tmp_path: Path) -> None:
    music = [json.dumps({"message": "next", "user": user}) for user in (7, "0007", 70)]
    shop = [json.dumps({"message": "recommend", "user": user}) for user in (7, "7", "0007")]
    log = _log(tmp_path / "log", f1=music, f2=shop)
    forget("7", log, _KEY)
    assert (log / "data.json.1").read_text() == f"{music[2]}\n"
    assert (log / "data.json.2").read_text() == f"{shop[2]}\n"


def test_unreadable_lines_are_kept_and_told(tmp_path: Path) -> None:
    log = _log(tmp_path / "log", f1=[_ANA, "{half", "[]", ""])
    key = tmp_path / "key"
    key.write_bytes(_KEY + b"\n")
    words = ["forget", "--user", "ana", "--log", str(log), "--key-file", str(key)]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    assert "removed 1 lines from 1 files" in done.output
    assert "kept 2 lines that cannot be read" in done.output
    assert (log / "data.json.1").read_text() == "{half\n[]\n\n"


def test_a_killed_run_is_seen_and_the_next_one_removes_the_rest(tmp_path: Path) -> None:
    log = _log(tmp_path / "log", f1=[_ANA, _BOB], f2=[_ANA, _BOB], f3=[_ANA])
    code = f"""
import os, signal
from pathlib import Path
from pipeline.nightly import forget
real, done = os.replace, []
def replace(old, new):
    if done:
        os.kill(os.getpid(), signal.SIGKILL)
    done.append(new)
    real(old, new)
os.replace = replace
forget.forget("ana", Path({str(log)!r}), {_KEY!r})
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
    texts = [(log / f"data.json.{number}").read_text() for number in (1, 2, 3)]
    assert texts == [f"{_BOB}\n", f"{_ANA}\n{_BOB}\n", f"{_ANA}\n"]  # each whole, old or new
    forget("ana", log, _KEY)
    texts = [(log / f"data.json.{number}").read_text() for number in (1, 2, 3)]
    assert texts == [f"{_BOB}\n", f"{_BOB}\n", ""]
    assert [(each["action"], each["lines"]) for each in _records(log)] == [
        ("begin", 3), ("begin", 2), ("end", 2),
    ]  # fmt: skip
    assert not list(log.glob(".forget-*"))


def test_a_log_that_is_being_written_is_left_alone(tmp_path: Path) -> None:
    log = _log(tmp_path / "log", f1=[_ANA], f2=[_ANA])
    with (log / "data.json.2").open("a") as service:
        fcntl.flock(service, fcntl.LOCK_EX)
        with pytest.raises(StopNightError, match="stop the service"):
            forget("ana", log, _KEY)
    assert (log / "data.json.1").read_text() == f"{_ANA}\n"
    assert not (log / RECORD).exists()


def test_what_cannot_be_done_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StopNightError, match="no such directory"):
        forget("ana", tmp_path / "none", _KEY)
    with pytest.raises(StopNightError, match=r"no data\.json"):
        forget("ana", tmp_path, _KEY)
    (tmp_path / "data.json.zst").write_bytes(b"x")
    with pytest.raises(StopNightError, match="unpack it"):
        forget("ana", tmp_path, _KEY)
    (tmp_path / "key").write_text("short\n")
    with pytest.raises(StopNightError, match="at least 16 bytes"):
        read_key(tmp_path / "key")
