"""What several tests of shipping ship."""

from pathlib import Path

import pytest

from .numbered_logs import numbered


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A directory with a log and its rotated predecessor, of two lines each."""
    directory = tmp_path / "log"
    directory.mkdir()
    (directory / "data.json").write_bytes(numbered(3, 4))
    (directory / "data.json.1").write_bytes(numbered(1, 2))
    return directory
