"""What a run does to the target; every target goes through the same `Shipper`."""

import gzip
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from script.shipping import manifest
from script.shipping.compression import Compression
from script.shipping.errors import InputError, ShipError
from script.shipping.manifest import read_manifest
from script.shipping.recover import LEFTOVER_SECONDS
from script.shipping.ship import Shipper
from script.shipping.sources.directory import find_logs
from script.shipping.targets.local import LocalTarget
from script.shipping.transfer import Options

from .numbered_logs import AT_ONCE, lines, local_lines, numbered, parts, replace, ship


@pytest.fixture
def target(tmp_path: Path) -> LocalTarget:
    return LocalTarget(tmp_path / "out")


def test_every_line_arrives_and_nothing_hidden_remains(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "a" / "b"
    done = ship(source, LocalTarget(out))
    assert parts(out) == [numbered(3, 4, 1, 2)]
    assert ([log.name for log in done.shipped], done.unchanged, done.parts, done.bytes) == (
        ["data.json", "data.json.1"],
        [],
        1,
        len(numbered(1, 2, 3, 4)),
    )
    assert not list((out / "_incoming").iterdir())
    [record] = read_manifest(LocalTarget(out)).records
    assert [(piece.name, piece.start, piece.end) for piece in record.pieces] == [
        ("data.json", 0, len(numbered(3, 4))),
        ("data.json.1", 0, len(numbered(1, 2))),
    ]


def test_progress_counts_every_byte_sent(source: Path, target: LocalTarget) -> None:
    sent: list[int] = []
    Shipper(target, AT_ONCE, sent.append).ship(find_logs(source))
    assert sum(sent) == len(numbered(1, 2, 3, 4))


def test_a_second_run_sends_nothing(source: Path, target: LocalTarget, tmp_path: Path) -> None:
    ship(source, target)
    done = ship(source, target)
    assert (done.shipped, len(done.unchanged), done.parts, done.bytes) == ([], 2, 0, 0)
    assert lines(tmp_path / "out") == local_lines(source)


def test_of_a_log_that_grew_only_the_new_whole_lines_go(
    source: Path, target: LocalTarget, tmp_path: Path
) -> None:
    ship(source, target)
    with (source / "data.json").open("ab") as file:
        file.write(numbered(5, 6) + b'{"us')
    done = ship(source, target)
    assert ([log.name for log in done.shipped], done.bytes) == (["data.json"], 24)
    assert parts(tmp_path / "out") == [numbered(3, 4, 1, 2), numbered(5, 6)]


def test_logs_are_known_again_after_a_rotation(
    source: Path, target: LocalTarget, tmp_path: Path
) -> None:
    ship(source, target)
    (source / "data.json.1").rename(source / "data.json.2")
    (source / "data.json").rename(source / "data.json.1")
    with (source / "data.json.1").open("ab") as file:
        file.write(numbered(5))
    (source / "data.json").write_bytes(numbered(6))
    ship(source, target)
    assert parts(tmp_path / "out") == [numbered(3, 4, 1, 2), numbered(5, 6)]


def test_logs_that_begin_alike_are_told_apart(
    source: Path, target: LocalTarget, tmp_path: Path
) -> None:
    for name in ("data.json.w1", "data.json.w2", "data.json.w3"):
        (source / name).write_bytes(numbered(3, 4))
    ship(source, target)
    for name, more in (("data.json.w1", 7), ("data.json.w2", 8), ("data.json.w3", 9)):
        with (source / name).open("ab") as file:
            file.write(numbered(more))
    ship(source, target)
    assert lines(tmp_path / "out") == sorted(set(local_lines(source)))
    assert ship(source, target).parts == 0


def test_of_a_log_that_was_cut_and_written_on_only_what_differs_goes(
    source: Path, target: LocalTarget, tmp_path: Path
) -> None:
    (source / "data.json").write_bytes(numbered(*range(9)))
    ship(source, target)
    (source / "data.json").write_bytes(numbered(0, 1, 2, 30, 40))
    done = ship(source, target)
    assert done.bytes == len(numbered(30, 40))
    (source / "data.json").write_bytes(numbered(0, 1, 2, 30, 50))
    ship(source, target)
    assert parts(tmp_path / "out")[1:] == [numbered(30, 40), numbered(50)]


def test_a_log_that_only_lost_its_end_has_nothing_new(
    source: Path, target: LocalTarget, tmp_path: Path
) -> None:
    ship(source, target)
    (source / "data.json").write_bytes(numbered(3))
    done = ship(source, target)
    assert ([log.name for log in done.shorter], done.parts) == (["data.json"], 0)
    assert lines(tmp_path / "out") == numbered(1, 2, 3, 4).splitlines(keepends=True)


def test_small_logs_go_together_and_large_ones_are_cut_at_line_ends(
    source: Path, target: LocalTarget, tmp_path: Path
) -> None:
    (source / "data.json").write_bytes(numbered(*range(100, 110)))
    done = ship(source, target, Options(threads=3, part_bytes=40, retry_seconds=0))
    assert done.parts == 4  # 14 bytes a line: 3, 3, 3, and 1 with the 24 bytes of the other log
    assert sorted(len(part) for part in parts(tmp_path / "out")) == [38, 42, 42, 42]
    assert lines(tmp_path / "out") == local_lines(source)
    assert ship(source, target).parts == 0


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_compressed_parts(
    source: Path, target: LocalTarget, tmp_path: Path, compression: Compression
) -> None:
    options = Options(threads=1, compression=compression, retry_seconds=0)
    ship(source, target, options)
    (source / "data.json").write_bytes(numbered(3, 4, 5))
    (source / "data.json.1").write_bytes(numbered(1, 9))  # cut: what is there is read
    done = ship(source, target, options)
    assert done.bytes == len(numbered(5, 9))
    assert parts(tmp_path / "out") == [numbered(3, 4, 1, 2), numbered(5, 9)]


def test_a_part_says_of_how_many_logs_it_is(
    source: Path, target: LocalTarget, tmp_path: Path
) -> None:
    ship(source, target)
    (source / "data.json").write_bytes(numbered(3, 4, 5))
    ship(source, target)
    names = [path.name for path in (tmp_path / "out").glob("data.json*")]
    assert sorted(name.partition("-x")[2] for name in names) == ["", "2"]


def test_a_compressed_log_stays_as_it_is_and_must_not_change(
    source: Path, target: LocalTarget, tmp_path: Path
) -> None:
    packed = gzip.compress(numbered(*range(10)))
    (source / "data.json.2.gz").write_bytes(packed)
    ship(source, target)
    [shipped] = (tmp_path / "out").glob("data.json*.gz")
    assert shipped.read_bytes() == packed
    (source / "data.json.2.gz").write_bytes(packed + packed)
    with pytest.raises(InputError, match="compressed log changed after shipping"):
        ship(source, target)


def test_the_name_of_a_log_that_no_record_knows(source: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "data.json").write_bytes(numbered(3))
    with pytest.raises(InputError, match="no record says which of its lines are there"):
        ship(source, LocalTarget(tmp_path / "out"))


def test_to_replace_leaves_nothing_else(source: Path, target: LocalTarget, tmp_path: Path) -> None:
    ship(source, target)
    (tmp_path / "out" / "below").mkdir()
    (tmp_path / "out" / "below" / "part-0").write_bytes(b"old\n")
    (source / "data.json").write_bytes(numbered(9))
    replace(source, target)
    assert parts(tmp_path / "out") == [numbered(9, 1, 2)]
    assert not (tmp_path / "out" / "below").exists()
    assert ship(source, target).parts == 0


def test_many_records_become_one(
    source: Path, target: LocalTarget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Records of parts that are done together are one file, so that their number is up to chance.
    monkeypatch.setattr(manifest, "_MAX_RECORD_FILES", 1)
    (source / "data.json").write_bytes(numbered(*range(100, 170)))
    ship(source, target, Options(threads=1, part_bytes=1, retry_seconds=0))
    [record] = (tmp_path / "out" / "_manifest").iterdir()
    assert len(record.read_bytes().splitlines()) == 72
    assert ship(source, target).parts == 0


def test_a_record_that_cannot_be_read_is_named(
    source: Path, target: LocalTarget, tmp_path: Path
) -> None:
    ship(source, target)
    [record] = (tmp_path / "out" / "_manifest").iterdir()
    record.write_text('{"files": [')
    with pytest.raises(ShipError, match=rf"_manifest/{record.name}:1 .*not a record"):
        ship(source, target)


def test_what_waits_without_a_record_is_removed_when_it_is_old(
    source: Path, target: LocalTarget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = tmp_path / "out" / "_incoming" / "data.json.x"
    waiting.parent.mkdir(parents=True)
    waiting.write_bytes(b'{"us')
    ship(source, target)
    assert waiting.exists()  # it may be of a run that goes on, on another host
    later = waiting.stat().st_mtime + LEFTOVER_SECONDS + 1
    monkeypatch.setattr("script.shipping.recover.time.time", lambda: later)
    ship(source, target)
    assert not waiting.exists()
    assert lines(tmp_path / "out") == local_lines(source)


def test_a_log_that_was_compressed_after_it_was_shipped(
    source: Path, target: LocalTarget, tmp_path: Path
) -> None:
    ship(source, target)
    packed = source / "data.json.1.gz"
    packed.write_bytes(gzip.compress(numbered(1, 2))[:-9])  # still being made
    assert ship(source, target).parts == 0
    packed.write_bytes(gzip.compress(numbered(1, 2)))
    (source / "data.json.1").unlink()
    assert len(ship(source, target).unchanged) == 2
    (source / "data.json").write_bytes(numbered(3, 4, 5))
    (source / "data.json.2.gz").write_bytes(gzip.compress(numbered(3, 4, 5)))
    (source / "data.json").unlink()
    with pytest.raises(InputError, match="compressed before its last lines were shipped"):
        ship(source, target)


def test_a_log_that_was_cut_and_renamed(source: Path, target: LocalTarget, tmp_path: Path) -> None:
    ship(source, target)
    (source / "data.json").unlink()
    (source / "data.json.2").write_bytes(numbered(3, 5))
    assert ship(source, target).bytes == len(numbered(5))


def test_a_log_that_ends_as_another_one_was_shipped_is_that_one(
    source: Path, target: LocalTarget, tmp_path: Path
) -> None:
    (source / "data.json").write_bytes(numbered(1))
    ship(source, target)  # data.json.1 has 1 and 2
    (source / "data.json.1").unlink()
    (source / "data.json").write_bytes(numbered(1, 2))
    assert len(ship(source, target).unchanged) == 1
    assert lines(tmp_path / "out") == local_lines(source)


def overwrite(path: Path) -> None:
    path.write_bytes(numbered(7, 8))


def cut(path: Path) -> None:
    os.truncate(path, len(numbered(3)))


def rotate(path: Path) -> None:
    path.rename(path.with_name("data.json.9"))
    path.write_bytes(numbered(5, 6))


@pytest.mark.parametrize("change", [cut, rotate, overwrite, Path.unlink])
def test_a_log_that_changes_while_it_is_read(
    source: Path, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    class Changes(LocalTarget):
        def write(self, name: str, chunks: Iterable[bytes]) -> None:
            change(source / "data.json")
            super().write(name, chunks)

    with pytest.raises(
        ShipError, match=r"data\.json: (was truncated|was rotated|was overwritten|was removed)"
    ):
        ship(source, Changes(tmp_path / "out"))
    ship(source, LocalTarget(tmp_path / "out"))
    assert lines(tmp_path / "out") == local_lines(source)


def test_records_are_lines_of_json(source: Path, target: LocalTarget, tmp_path: Path) -> None:
    ship(source, target)
    [record] = (tmp_path / "out" / "_manifest").iterdir()
    value = json.loads(record.read_text())
    assert value.keys() == {"files", "pieces", "at"}
    assert value["files"][0].keys() >= {"name", "bytes", "checksum"}
