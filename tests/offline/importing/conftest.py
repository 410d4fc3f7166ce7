"""Importing a text."""

from pathlib import Path

import pytest

from offline.data.interactions import Interactions

from .tables import Import, run


@pytest.fixture
def imported(tmp_path: Path) -> Import:
    """Import a text, as a file of that name; what was told, and the interactions."""

    def imported(
        content: str | bytes, *options: str, name: str = "data.csv"
    ) -> tuple[str, Interactions]:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        told = run(path, tmp_path / "out", *options)
        return told, Interactions.load(tmp_path / "out")

    return imported
