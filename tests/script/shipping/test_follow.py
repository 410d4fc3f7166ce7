"""Rounds that go on: what ends them, and what they mark."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from script.shipping.errors import InputError, ShipError
from script.shipping.follow import MAX_FAILURES, follow
from script.shipping.lock import exclusive_lock
from script.shipping.markers import mark_shipped
from script.shipping.sources.directory import find_logs
from script.shipping.targets.local import LocalTarget


def rounds(*outcomes: Exception | None) -> tuple[Callable[[], None], list[int]]:
    """A round for each outcome; then the process is told to stop, during one that goes well."""
    done: list[int] = []

    def once() -> None:
        done.append(len(done))
        if len(done) > len(outcomes):
            os.kill(os.getpid(), signal.SIGTERM)
        elif error := outcomes[len(done) - 1]:
            raise error

    return once, done


def test_a_round_that_fails_is_made_good_by_the_next() -> None:
    away, full, gone = ShipError("away"), OSError("full"), InputError("log: no such directory")
    once, done = rounds(None, away, full, gone, None)
    told: list[Exception] = []
    follow(once, 0.001, told.append)
    assert told == [away, full, gone]
    assert len(done) == 6


def test_what_cannot_be_done_from_the_start_ends_it() -> None:
    once, done = rounds(InputError("log: no such directory"))
    with pytest.raises(InputError):
        follow(once, 0.001, lambda error: None)
    assert len(done) == 1


def test_rounds_that_fail_in_a_row_are_given_up() -> None:
    once, done = rounds(*[ShipError("away")] * 9)
    with pytest.raises(ShipError):
        follow(once, 0.001, lambda error: None)
    assert len(done) == MAX_FAILURES


def test_stopped_while_rounds_fail_it_did_not_end_well() -> None:
    once, _ = rounds(None, ShipError("away"))
    with pytest.raises(ShipError, match="away"):
        follow(once, 0.001, lambda error: os.kill(os.getpid(), signal.SIGTERM))


def test_a_target_is_the_same_however_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with (
        exclusive_lock(LocalTarget(Path("out"))),
        pytest.raises(InputError, match="another process is shipping to"),
        exclusive_lock(LocalTarget(tmp_path / "below" / ".." / "out")),
    ):
        pass


def test_a_log_that_is_another_by_now_is_not_marked(tmp_path: Path) -> None:
    (tmp_path / "data.json").write_bytes(b"one\n")
    (tmp_path / "data.json.1").write_bytes(b"two\n")
    logs = find_logs(tmp_path)
    (tmp_path / "data.json.1").unlink()
    (tmp_path / "data.json").rename(tmp_path / "data.json.1")
    (tmp_path / "data.json").write_bytes(b"new\n")
    mark_shipped(logs)
    assert not list(tmp_path.glob(".data*"))
    mark_shipped(find_logs(tmp_path))
    assert (tmp_path / ".data.json.1.shipped").read_text() == "4"
