"""Lines of a file from its end."""

from pathlib import Path

import pytest

from botify.files import backwards
from botify.files.backwards import lines_backwards


@pytest.mark.parametrize("block", [1, 2, 3, 7, 100])
@pytest.mark.parametrize(
    "text", [b"", b"a", b"a\n", b"a\nbb\n\nccc\n", b"aaaaaaaaa\nb\ntorn", b"\n\n", b"\na\n"]
)
def test_whole_lines_in_reverse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: bytes, block: int
) -> None:
    monkeypatch.setattr(backwards, "_BLOCK", block)
    path = tmp_path / "x"
    path.write_bytes(text)
    assert list(lines_backwards(path, 100)) == text.split(b"\n")[:-1][::-1]


def test_a_line_without_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backwards, "_BLOCK", 10)
    path = tmp_path / "x"
    path.write_bytes(b"a\n" + b"x" * 1000 + b"\nlast\n")
    assert list(lines_backwards(path, 100)) == [b"last"]
