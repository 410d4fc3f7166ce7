"""Which bytes of which files are shipped, and under which names."""

import gzip
import os
from pathlib import Path

import pytest

from script.shipping.chunks import CHUNK
from script.shipping.errors import InputError, ShipError
from script.shipping.sources.directory import LogFile, find_logs


def content(log: LogFile) -> bytes:
    return b"".join(log.chunks())


def only(directory: Path) -> LogFile:
    (log,) = find_logs(directory)
    return log


def test_a_line_that_is_still_being_written_stays_behind(tmp_path: Path) -> None:
    (tmp_path / "data.json").write_bytes(b'{"user": 1}\n{"user": 2}\n{"us')
    log = only(tmp_path)
    assert content(log) == b'{"user": 1}\n{"user": 2}\n'
    assert (log.size, log.unfinished) == (24, 4)


def test_a_file_that_ends_with_a_newline_is_shipped_whole(tmp_path: Path) -> None:
    (tmp_path / "data.json").write_bytes(b'{"user": 1}\n')
    assert content(only(tmp_path)) == b'{"user": 1}\n'


@pytest.mark.parametrize("written", [b"", b'{"user": 1}'])
def test_a_file_without_a_whole_line_has_nothing_to_ship(tmp_path: Path, written: bytes) -> None:
    (tmp_path / "data.json").write_bytes(written)
    log = only(tmp_path)
    assert (content(log), log.unfinished) == (b"", len(written))


def test_the_last_newline_is_found_far_from_the_end(tmp_path: Path) -> None:
    unfinished = b"x" * (2 * CHUNK + 3)
    (tmp_path / "data.json").write_bytes(b"first\n" + unfinished)
    log = only(tmp_path)
    assert (content(log), log.unfinished) == (b"first\n", len(unfinished))


def test_a_compressed_log_is_not_cut(tmp_path: Path) -> None:
    packed = gzip.compress(b'{"user": 1}\n' * 50) + b"\n tail"
    (tmp_path / "data.json.1.gz").write_bytes(packed)
    assert content(only(tmp_path)) == packed


def test_lines_that_arrive_after_the_file_was_found_wait_for_the_next_run(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_bytes(b"one\n")
    log = only(tmp_path)
    with path.open("ab") as file:
        file.write(b"two\n")
    assert content(log) == b"one\n"
    assert content(only(tmp_path)) == b"one\ntwo\n"


def test_a_file_that_became_shorter_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_bytes(b"one\ntwo\n")
    log = only(tmp_path)
    os.truncate(path, 4)
    with pytest.raises(ShipError, match=r"data\.json: was truncated"):
        content(log)


def test_a_file_that_was_rotated_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_bytes(b"one\n")
    log = only(tmp_path)
    path.rename(tmp_path / "data.json.1")
    path.write_bytes(b"two\n")
    with pytest.raises(ShipError, match=r"data\.json: was rotated"):
        content(log)


def test_local_logs_keep_their_names_and_nothing_else_is_taken(tmp_path: Path) -> None:
    for name in ("data.json", "data.json.1", "data.json.w2", "app.log", ".data.json.part"):
        (tmp_path / name).write_bytes(b"line\n")
    (tmp_path / "data.json.d").mkdir()
    assert [log.name for log in find_logs(tmp_path)] == [
        "data.json",
        "data.json.1",
        "data.json.w2",
    ]


def test_a_containers_logs_are_named_after_it_or_after_the_directory_inside(
    tmp_path: Path,
) -> None:
    for name in ("data.json", "data.json.1.gz", "recommender-3f2a/data.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"line\n")
    assert [log.name for log in find_logs(tmp_path, "recommender-1")] == [
        "data.json.recommender-1",
        "data.json.recommender-1.1.gz",
        "data.json.recommender-3f2a",
    ]


def test_two_files_that_would_get_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("data.json", "recommender-1/data.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"line\n")
    with pytest.raises(
        InputError, match=r"all be shipped under the name data\.json\.recommender-1"
    ):
        find_logs(tmp_path, "recommender-1")


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere: no such directory"):
        find_logs(tmp_path / "nowhere")


def test_directories_beside_a_log_are_read_and_their_logs_named_after_them(
    tmp_path: Path,
) -> None:
    for name in (
        "data.json",
        "host2/data.json",
        "a/b/data.json.1",
        "_x/data.json",
        ".y/data.json",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"line\n")
    found = [(log.name, log.folder) for log in find_logs(tmp_path)]
    assert found == [
        ("data.json", "botify-recommender-1"),
        ("data.json.a.b.1", "botify-recommender-a.b"),
        ("data.json.host2", "botify-recommender-host2"),
    ]


def test_a_link_back_to_a_directory_is_no_endless_way(tmp_path: Path) -> None:
    (tmp_path / "data.json").write_bytes(b"line\n")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "up").symlink_to("..")
    assert len(find_logs(tmp_path)) == 1


def test_the_directories_of_the_layout_keep_their_names(tmp_path: Path) -> None:
    for name in ("botify-recommender-2", "recommender-3f2a"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "data.json").write_bytes(b"line\n")
    assert [log.folder for log in find_logs(tmp_path)] == [
        "botify-recommender-2",
        "botify-recommender-3f2a",
    ]
