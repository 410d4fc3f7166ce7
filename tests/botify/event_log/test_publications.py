"""The record of what was put into service."""

import json
import logging
import threading
from pathlib import Path

import pytest

from botify.event_log.publications import Publications
from contract.files import PUBLISHED


def entries(directory: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (directory / PUBLISHED).read_text().splitlines()]


def test_a_line_for_each_version(tmp_path: Path) -> None:
    publications = Publications(tmp_path)
    publications.observe("dae", "a1")
    publications.observe("dae", "b2")
    publications.observe("popular", "c3", replaced="c2")
    first, second, third = entries(tmp_path)
    assert (first["name"], first["version"], first["previous"]) == ("dae", "a1", None)
    assert (second["version"], second["previous"]) == ("b2", "a1")
    assert (third["version"], third["previous"]) == ("c3", "c2")
    assert first["timestamp"] <= second["timestamp"]  # type: ignore[operator]


def test_several_may_write_at_the_same_time(tmp_path: Path) -> None:
    def write(name: str) -> None:
        for number in range(200):
            Publications(tmp_path).observe(name, str(number))

    threads = [threading.Thread(target=write, args=(name,)) for name in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(entries(tmp_path)) == 600


def test_a_disk_that_refuses_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        Publications(tmp_path / "absent").observe("dae", "a1")
    assert "version a1 of dae was put into service, but cannot be recorded" in caplog.text


def test_what_is_in_service_already_is_not_recorded_again(tmp_path: Path) -> None:
    publications = Publications(tmp_path)
    for version in ("a1", "a1", "b2", "b2", "a1"):
        publications.observe("dae", version)
    changes = [("a1", None), ("b2", "a1"), ("a1", "b2")]
    assert [(entry["version"], entry["previous"]) for entry in entries(tmp_path)] == changes


def test_a_start_records_only_what_changed_since_the_last_one(tmp_path: Path) -> None:
    Publications(tmp_path).observe("dae", "a1")
    Publications(tmp_path).observe("dae", "a1")
    with (tmp_path / PUBLISHED).open("ab") as file:
        file.write(b'{"name": "dae", "ver\n')  # as a full disk leaves a line
    Publications(tmp_path).observe("dae", "a1", replaced="zz")
    assert (tmp_path / PUBLISHED).read_bytes().count(b"\n") == 2
    Publications(tmp_path).observe("dae", "b2")
    last = json.loads((tmp_path / PUBLISHED).read_bytes().splitlines()[-1])
    assert (last["version"], last["previous"]) == ("b2", "a1")
