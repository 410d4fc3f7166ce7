"""Records of running services: one each, and none of those that are gone."""

import json
import logging
import multiprocessing
import os
import signal
from contextlib import ExitStack
from pathlib import Path

import pytest

from botify.errors import InputError
from botify.server.discovery import ServiceRecord, advertise, find_services

ONE = ServiceRecord(os.getpid(), "http://127.0.0.1:5001", "unix:///one.sock")
TWO = ServiceRecord(os.getpid(), "http://127.0.0.1:5002", "unix:///two.sock")


def names(data_dir: Path) -> list[str]:
    return sorted(path.name for path in data_dir.iterdir())


def test_a_service_is_found_while_it_runs(tmp_path: Path) -> None:
    assert find_services(tmp_path) == []
    with advertise(tmp_path, ONE):
        assert find_services(tmp_path) == [ONE]
        assert json.loads((tmp_path / "serve.json").read_text()) == ONE._asdict()
        assert names(tmp_path) == ["serve.json"]
    assert find_services(tmp_path) == []
    assert names(tmp_path) == []


@pytest.mark.parametrize("first_ends_first", [True, False])
def test_each_has_a_record_that_the_other_leaves_alone(
    tmp_path: Path, first_ends_first: bool
) -> None:
    with ExitStack() as first, ExitStack() as second:
        first.enter_context(advertise(tmp_path, ONE))
        second.enter_context(advertise(tmp_path, TWO))
        assert find_services(tmp_path) == [TWO, ONE]
        assert names(tmp_path) == ["serve-2.json", "serve.json"]
        (first if first_ends_first else second).close()
        assert find_services(tmp_path) == [TWO if first_ends_first else ONE]
        with advertise(tmp_path, ONE):
            assert len(find_services(tmp_path)) == 2
        assert len(find_services(tmp_path)) == 1
    assert names(tmp_path) == []


def _announce(
    data_dir: Path, service: ServiceRecord, ready: "multiprocessing.synchronize.Event"
) -> None:
    with advertise(data_dir, service):
        ready.set()
        signal.pause()


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """A directory with the records of two services that were killed."""
    context, processes = multiprocessing.get_context("spawn"), []
    for service in (ONE, TWO):
        ready = context.Event()
        process = context.Process(target=_announce, args=(tmp_path, service, ready))
        process.start()
        assert ready.wait(60)
        processes.append(process)
    assert len(find_services(tmp_path)) == 2
    for process in processes:
        process.kill()
        process.join()
    return tmp_path


def test_those_of_killed_services_are_passed_over_and_swept(killed: Path) -> None:
    assert names(killed) == ["serve-2.json", "serve.json"]
    assert find_services(killed) == []
    with advertise(killed, TWO):
        assert names(killed) == ["serve.json"]
        assert find_services(killed) == [TWO]
    assert names(killed) == []


def test_a_file_of_another_name_is_nobody_s_record(tmp_path: Path) -> None:
    for name in ("serve-notes.json", "served.json", "serve-2.json.bak"):
        (tmp_path / name).write_text("mine")
    with advertise(tmp_path, ONE):
        assert find_services(tmp_path) == [ONE]
    assert names(tmp_path) == ["serve-2.json.bak", "serve-notes.json", "served.json"]


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"pid": 1}', "[" * 100_000, '{"pid": 1, "url": 2, "redis_url": 3}']
)
def test_a_damaged_record_of_a_service_that_runs_is_named(tmp_path: Path, content: str) -> None:
    with advertise(tmp_path, ONE):
        (tmp_path / "serve.json").write_text(content)
        with pytest.raises(InputError, match=r"serve\.json: "):
            find_services(tmp_path)
    assert find_services(tmp_path) == []


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "serve.json")
    with pytest.raises(InputError, match=r"serve\.json: is a pipe"):
        find_services(tmp_path)
    with advertise(tmp_path, ONE):
        assert (tmp_path / "serve-2.json").exists()


def test_where_none_can_be_kept_it_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    with advertise(tmp_path / "none", ONE):
        assert "cannot keep the record of this service (No such file" in caplog.text
