"""The file of categories: read, or refused with its name."""

from pathlib import Path

import pytest

from botify.errors import InputError
from botify.shop.category_file import read_categories


def test_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "tree.csv"
    file.write_bytes(b"\xef\xbb\xbfcategoryid,parentid\r\n1016,213\r\n213,\r\n")
    assert read_categories(file) == {"1016": "213", "213": None}
    assert read_categories(None) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"category,above\na,b\nb,a\n", "categories in a circle"),
        (b"category\na\n", "expected two columns"),
        (b"category,above\na\n", "tree.csv:2: expected two columns"),
        (b"category,above\na,b\na,c\n", "below 'b' and below 'c'"),
        (b"", "expected two columns"),
        (b"a,b\n\xff,c\n", "not CSV in UTF-8"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: bytes, message: str) -> None:
    file = tmp_path / "tree.csv"
    file.write_bytes(text)
    with pytest.raises(InputError, match=message):
        read_categories(file)
