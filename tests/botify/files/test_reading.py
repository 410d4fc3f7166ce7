"""Files that somebody else writes."""

import os
from pathlib import Path

import pytest

from botify.catalog import load_catalog
from botify.config import load_config
from botify.errors import InputError
from botify.files.jsonlines import MAX_LINE_BYTES
from botify.files.reading import as_input_errors, check_kept, open_regular
from botify.lists.reader import ListKind, read_lists


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


def test_a_regular_file_is_opened(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"text")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    for name in ("file", "link"):
        with open_regular(tmp_path / name) as file:
            assert file.read() == b"text"


def test_nothing_else_is(tmp_path: Path, pipe: Path) -> None:
    for path, said in (
        (pipe, "is a pipe, not a regular file"),
        (tmp_path, "is a directory, not"),
        (Path("/dev/zero"), "is a device, not"),
        (tmp_path / "none", "cannot be read (No such file or directory)"),
    ):
        with pytest.raises(InputError) as found:
            open_regular(path)
        assert str(found.value).startswith(f"{path}: {said}")


def test_no_reader_waits_for_a_pipe(pipe: Path) -> None:
    with pytest.raises(InputError, match="is a pipe"):
        load_catalog(pipe)
    with pytest.raises(InputError, match="is a pipe"):
        load_config(pipe)
    for kind in ListKind:
        with pytest.raises(InputError, match="is a pipe"):
            next(read_lists(pipe, kind, 10))


def test_a_file_of_one_line_without_end_is_not_read_into_memory(tmp_path: Path) -> None:
    path = tmp_path / "endless"
    path.touch()
    os.truncate(path, 2**40)  # takes no place on the disk
    with pytest.raises(InputError, match=rf"endless:1: a line of more than {MAX_LINE_BYTES:,} by"):
        load_catalog(path)
    with pytest.raises(InputError, match="larger than"):
        load_config(path)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RecursionError("too deep"), "RecursionError: too deep"),
        (MemoryError(), "MemoryError"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), "UnicodeDecodeError: 'utf-8' codec"),
        (OSError(5, "Input/output error"), "Input/output error"),
        (ZeroDivisionError("a\nb"), "ZeroDivisionError: a b"),
    ],
)
def test_whatever_is_raised_names_the_file(error: Exception, reason: str) -> None:
    with (
        pytest.raises(InputError) as found,
        as_input_errors(Path("a.json")),
    ):
        raise error
    assert str(found.value).startswith(f"a.json: cannot be read ({reason}")


def test_half_may_be_lost_and_no_more() -> None:
    check_kept(Path("a"), "users", 10, 5, 0.5)
    with pytest.raises(InputError, match="only 4 of the 10 users in service are in it, less than"):
        check_kept(Path("a"), "users", 10, 4, 0.5)
    check_kept(Path("a"), "users", 10, 0, 0.0)
