"""The file in which lines wait: in order, bounded, private, and readable after any death."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from botify.event_log import spill as spill_module
from botify.event_log.spill import Position, Spill, spill_path

HERE = Position(1, 2, 3)
LIMIT = 4096


def waiting(spill: Spill) -> list[bytes]:
    """What waits, taken out."""
    found = []
    while spill.count:
        found.append(spill.first().line)
        spill.drop()
    return found


def test_the_file_is_there_only_while_something_waits(tmp_path: Path) -> None:
    spill = Spill(tmp_path / "spill", LIMIT)
    assert spill.reopen() is None
    assert spill.add(b"one\n", 1.5, HERE)
    assert spill.path.stat().st_mode & 0o777 == 0o600
    assert spill.first() == (b"one\n", 1.5)
    spill.drop()
    assert list(tmp_path.iterdir()) == []
    assert spill.add(b"two\n", 2.5, HERE)
    assert waiting(spill) == [b"two\n"]


def test_who_comes_next_finds_all_and_goes_on(tmp_path: Path) -> None:
    first, second = Spill(tmp_path / "spill", LIMIT), Spill(tmp_path / "spill", LIMIT)
    for number in range(3):
        assert first.add(b"%d\n" % number, number, HERE)
    first.drop()
    first.mark(Position(4, 5, 6))
    first.close()
    assert second.reopen() == Position(4, 5, 6)
    assert second.add(b"3\n", 3, HERE)
    assert (second.count, second.first().since) == (3, 1)
    assert waiting(second) == [b"1\n", b"2\n", b"3\n"]


@pytest.mark.parametrize("cut", range(1, 25))
def test_a_line_that_was_not_finished_is_left_out(tmp_path: Path, cut: int) -> None:
    spill = Spill(tmp_path / "spill", LIMIT)
    for line in (b"first\n", b"second..\n"):  # with 16 bytes before
        assert spill.add(line, 0, HERE)
    spill.close()
    os.truncate(spill.path, spill.path.stat().st_size - cut)
    assert spill.reopen() == HERE
    assert spill.add(b"third\n", 0, HERE)
    assert waiting(spill) == [b"first\n", b"third\n"]


def test_a_file_that_has_no_whole_line_is_removed(tmp_path: Path) -> None:
    spill = Spill(tmp_path / "spill", LIMIT)
    for content in (b"", b"\0" * 50, b"\0" * 300, b"something else" * 100):
        spill.path.write_bytes(content)
        assert spill.reopen() is None
        assert not spill.path.exists()


@pytest.mark.parametrize(
    ("in_log", "left", "begun"),
    [
        (b"", [b"one\n", b"two\n"], 0),
        (b"on", [b"one\n", b"two\n"], 2),
        (b"one\n", [b"two\n"], 0),
        (b"one\ntw", [b"two\n"], 2),
        (b"one\ntwo\n", [], 0),
        (b"one\ntwo\nthree\n", [], 0),
        (b"other\n", [b"one\n", b"two\n"], 0),
        (b"one\nother\n", [b"two\n"], 0),
    ],
)
def test_what_is_in_the_log_already_does_not_wait(
    tmp_path: Path, in_log: bytes, left: list[bytes], begun: int
) -> None:
    spill = Spill(tmp_path / "spill", LIMIT)
    for line in (b"one\n", b"two\n"):
        assert spill.add(line, 0, HERE)
    content = b"abc" + in_log
    assert spill.skip(HERE, lambda offset, size: content[offset : offset + size]) == begun
    assert waiting(spill) == left


def test_a_place_that_others_need_is_not_filled_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spill = Spill(tmp_path / "spill", LIMIT)
    assert spill.add(b"one\n", 0, HERE)
    space = os.statvfs(tmp_path)
    monkeypatch.setattr(spill_module, "_RESERVED", space.f_blocks * space.f_frsize)
    spare = space.f_blocks * space.f_frsize // 4  # of a small place, a quarter
    fits = space.f_bavail * space.f_frsize > spare
    assert spill.add(b"two\n", 0, HERE) is fits
    monkeypatch.setattr(spill_module, "_has_room", lambda *_: False)
    assert not spill.add(b"three\n", 0, HERE)
    assert waiting(spill)[0] == b"one\n"
    assert not spill.add(b"four\n", 0, HERE)
    assert list(tmp_path.iterdir()) == []  # nothing waits: no file


@given(st.lists(st.one_of(st.integers(1, 900), st.none()), max_size=80))
@settings(deadline=None, max_examples=60)
def test_it_holds_what_waits_in_order_and_gives_space_back(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int | None]
) -> None:
    spill = Spill(tmp_path_factory.mktemp("spill") / "spill", LIMIT)
    expected: list[bytes] = []
    for number, size in enumerate(steps):
        if size is not None and spill.size + size + 30 <= LIMIT:
            line = b"%d " % number + b"x" * size + b"\n"
            assert spill.add(line, number, HERE)
            expected.append(line)
        elif expected:
            assert spill.first().line == expected.pop(0)
            spill.drop()
        if expected:
            assert spill.path.stat().st_size <= LIMIT * 5 // 4 + 200
            spill.close()
            assert spill.reopen() is not None
        # What was dropped since the last mark is waited for again: the log says that it is there.
        while spill.count > len(expected):
            spill.drop()
    assert waiting(spill) == expected


def test_it_is_kept_where_the_log_is_not_and_nobody_else_can_write(tmp_path: Path) -> None:
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("needs two file systems")
    (tmp_path / "lock").touch()
    lock = (tmp_path / "lock").stat()
    assert spill_path(lock, [tmp_path]) is None
    assert spill_path(lock, [tmp_path / "absent", other]) == spill_path(lock, [other])
    path = spill_path(lock, [other])
    assert path is not None
    assert path.parent.parent == other
    assert path.parent.stat().st_mode & 0o777 == 0o700
    (tmp_path / "lock2").touch()
    assert spill_path((tmp_path / "lock2").stat(), [other]) != path


def test_a_directory_that_others_can_write_to_or_a_link_is_not_used(
    tmp_path: Path, spill_places: list[Path]
) -> None:
    (tmp_path / "lock").touch()
    lock = (tmp_path / "lock").stat()
    path = spill_path(lock, spill_places)
    assert path is not None
    path.parent.chmod(0o770)
    assert spill_path(lock, spill_places) is None
    path.parent.rmdir()
    (tmp_path / "theirs").mkdir(mode=0o700)
    path.parent.symlink_to(tmp_path / "theirs")
    assert spill_path(lock, spill_places) is None


def test_what_was_left_in_another_place_is_found(tmp_path: Path, spill_places: list[Path]) -> None:
    (tmp_path / "lock").touch()
    lock = (tmp_path / "lock").stat()
    path = spill_path(lock, spill_places)
    assert path is not None
    (tmp_path / path.parent.name).mkdir(mode=0o700)
    left = tmp_path / path.parent.name / path.name
    left.touch()
    assert spill_path(lock, [*spill_places, tmp_path]) == left
