"""The record of what was put into service."""

import json
import logging
import threading
from pathlib import Path

import pytest

from botify.event_log.publications import PUBLISHED, Publications


def test_a_line_for_each_version(tmp_path: Path) -> None:
    published = Publications(tmp_path)
    published.record("dae", "a1", None)
    published.record("dae", "b2", "a1")
    first, second = map(json.loads, (tmp_path / PUBLISHED).read_text().splitlines())
    assert (first["name"], first["version"], first["previous"]) == ("dae", "a1", None)
    assert (second["version"], second["previous"]) == ("b2", "a1")
    assert first["timestamp"] <= second["timestamp"]


def test_several_may_write_at_the_same_time(tmp_path: Path) -> None:
    def write(name: str) -> None:
        for number in range(200):
            Publications(tmp_path).record(name, str(number), None)

    threads = [threading.Thread(target=write, args=(name,)) for name in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    said = [json.loads(line) for line in (tmp_path / PUBLISHED).read_text().splitlines()]
    assert len(said) == 600


def test_a_disk_that_refuses_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        Publications(tmp_path / "absent").record("dae", "a1", None)
    assert "a1 of dae was put into service, but that cannot be recorded" in caplog.text


def test_what_is_noted_is_not_noted_again(tmp_path: Path) -> None:
    published = Publications(tmp_path)
    published.record("dae", "a1", None)
    for version in ("a1", "b2", "b2", "a1"):
        published.observe("dae", version)
    said = [json.loads(line) for line in (tmp_path / PUBLISHED).read_text().splitlines()]
    assert [(line["version"], line["previous"]) for line in said] == [
        ("a1", None),
        ("b2", "a1"),
        ("a1", "b2"),
    ]
