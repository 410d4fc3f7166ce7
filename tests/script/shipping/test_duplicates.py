"""Logs that are there twice: what is one file, or one content, is shipped once."""

import gzip
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from script.shipping.duplicates import Deduplicator
from script.shipping.ship import Shipper
from script.shipping.sources.directory import find_logs
from script.shipping.targets.local import LocalTarget

from .numbered_logs import AT_ONCE, lines, numbered, ship

LINES = numbered(*range(40))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    directory = tmp_path / "log"
    directory.mkdir()
    (directory / "data.json.1").write_bytes(LINES)
    return directory


def link(log: Path) -> None:
    (log.parent / "data.json.current").symlink_to(log.name)


def absolute_link(log: Path) -> None:
    (log.parent / "data.json.current").symlink_to(log.resolve())


def link_that_sorts_first(log: Path) -> None:
    (log.parent / "data.json").symlink_to(log.name)


def hard_link(log: Path) -> None:
    os.link(log, log.parent / "data.json.9")


def linked_directory(log: Path) -> None:
    (log.parent / "again").symlink_to(".")


def copy(log: Path) -> None:
    shutil.copy(log, log.parent / "data.json.bak")


def copy_in_a_directory(log: Path) -> None:
    (log.parent / "old").mkdir()
    shutil.copy(log, log.parent / "old")


def earlier_copy(log: Path) -> None:
    (log.parent / "data.json.bak").write_bytes(LINES[:120])


def copy_that_is_being_made(log: Path) -> None:
    (log.parent / "data.json.2").write_bytes(LINES[:100])  # in the middle of a line


def packed_beside(log: Path) -> None:
    (log.parent / "data.json.1.gz").write_bytes(gzip.compress(LINES))


def packed_elsewhere(log: Path) -> None:
    (log.parent / "data.json.2.gz").write_bytes(gzip.compress(LINES[:240]))


def packed_twice(log: Path) -> None:
    (log.parent / "data.json.2.zst").write_bytes(zstandard.ZstdCompressor().compress(LINES))
    log.rename(log.parent / "data.json.3")
    (log.parent / "data.json.4.gz").write_bytes(gzip.compress(LINES[:240]) + gzip.compress(b""))


def being_packed(log: Path) -> None:
    (log.parent / "data.json.1.gz").write_bytes(gzip.compress(LINES)[:15])


def packed_with_zeros_behind(log: Path) -> None:
    packed = gzip.compress(LINES[:120]) + gzip.compress(LINES[120:]) + b"\0" * 300
    (log.parent / "data.json.7.gz").write_bytes(packed)


TWICE = [
    *(link, absolute_link, link_that_sorts_first, hard_link, linked_directory),
    *(copy, copy_in_a_directory, earlier_copy, copy_that_is_being_made),
    *(packed_beside, packed_elsewhere, packed_twice, being_packed, packed_with_zeros_behind),
]


@pytest.mark.parametrize("twice", TWICE)
def test_it_is_shipped_once_and_told(
    source: Path, tmp_path: Path, twice: Callable[[Path], None]
) -> None:
    twice(source / "data.json.1")
    done = ship(source, LocalTarget(tmp_path / "out"))
    assert b"".join(lines(tmp_path / "out")) == b"".join(sorted(LINES.splitlines(True)))
    assert bool(done.same) == (twice is not linked_directory)
    again = ship(source, LocalTarget(tmp_path / "out"))
    assert (again.parts, len(again.same)) == (0, len(done.same))


@pytest.mark.parametrize("twice", TWICE)
def test_it_is_shipped_once_where_it_grew_meanwhile(
    source: Path, tmp_path: Path, twice: Callable[[Path], None]
) -> None:
    (source / "data.json.1").write_bytes(LINES[:24])
    target = LocalTarget(tmp_path / "out")
    ship(source, target)
    (source / "data.json.1").write_bytes(LINES)
    twice(source / "data.json.1")
    ship(source, target)
    assert b"".join(lines(tmp_path / "out")) == b"".join(sorted(LINES.splitlines(True)))


def test_every_moment_of_a_copytruncate(source: Path, tmp_path: Path) -> None:
    """The log is copied bit by bit, and then cut to nothing, and written on."""
    source.joinpath("data.json.1").rename(source / "data.json")
    target = LocalTarget(tmp_path / "out")
    shipper = Shipper(target, AT_ONCE)
    (source / "data.json").write_bytes(LINES[:240])
    shipper.ship(find_logs(source))
    (source / "data.json").write_bytes(LINES)
    for size in (0, 5, 24, 120, 250, len(LINES)):
        (source / "data.json.1").write_bytes(LINES[:size])
        shipper.ship([log for log in find_logs(source) if log.size])
    os.truncate(source / "data.json", 0)
    shipper.ship([log for log in find_logs(source) if log.size])
    (source / "data.json").write_bytes(numbered(100, 101))
    shipper.ship(find_logs(source))
    expected = LINES + numbered(100, 101)
    assert lines(tmp_path / "out") == sorted(expected.splitlines(True))


def test_a_packed_log_of_another_content_beside_a_log_is_no_copy(
    source: Path, tmp_path: Path
) -> None:
    (source / "data.json.1.gz").write_bytes(gzip.compress(numbered(70)))
    assert not ship(source, LocalTarget(tmp_path / "out")).same
    assert len(lines(tmp_path / "out")) == 41


def test_a_log_that_was_shipped_packed_and_is_unpacked_has_nothing_new(
    source: Path, tmp_path: Path
) -> None:
    for number, start in ((1, 0), (2, 100)):
        packed = gzip.compress(numbered(*range(start, start + 40)))
        (source / f"data.json.{number}.gz").write_bytes(packed)
    (source / "data.json.1").unlink()
    ship(source, LocalTarget(tmp_path / "out"))
    (source / "data.json.2.gz").unlink()
    (source / "data.json.2").write_bytes(numbered(*range(100, 140)))
    assert ship(source, LocalTarget(tmp_path / "out")).parts == 0


def test_copies_that_both_went_on_share_their_beginning(source: Path, tmp_path: Path) -> None:
    for name, more in (("data.json.2", 50), ("data.json.3", 60)):
        (source / name).write_bytes(LINES + numbered(more))
    ship(source, LocalTarget(tmp_path / "out"))
    expected = (LINES + numbered(50, 60)).splitlines(True)
    assert lines(tmp_path / "out") == sorted(expected)


def test_what_was_compared_once_is_not_read_again(source: Path) -> None:
    copy(source / "data.json.1")
    deduplicator = Deduplicator()
    assert len(deduplicator.split(find_logs(source))[1]) == 1
    reads: list[int] = []

    class Counted(type(find_logs(source)[0])):  # type: ignore[misc]
        def chunks(self, start: int = 0, end: int | None = None) -> object:
            reads.append(start)
            return super().chunks(start, end)

    logs = [Counted(**vars(log)) for log in find_logs(source)]
    assert len(deduplicator.split(logs)[1]) == 1
    assert not reads


def test_a_packed_log_of_what_was_shipped_before_it_grew_has_nothing_new(
    source: Path, tmp_path: Path
) -> None:
    target = LocalTarget(tmp_path / "out")
    ship(source, target)
    (source / "data.json.1").unlink()
    (source / "data.json.2.gz").write_bytes(gzip.compress(LINES[:240]))
    done = ship(source, target)
    assert ([log.name for log in done.shorter], done.parts) == (["data.json.2.gz"], 0)
