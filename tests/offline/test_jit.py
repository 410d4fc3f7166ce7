"""Compiled functions, wherever they can or cannot be kept."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import resource, sys
from offline.jit import compiled

@compiled(fastmath=True)
def more(x):
    return x + 1

if "full" in sys.argv:  # like a disk that is: files can be made, but not filled
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
print(more(1), more.stats.cache_hits.total() if more.stats else 0)
"""


def run(place: Path, *words: str) -> str:
    (place / "more.py").write_text(PROGRAM)
    changed = {"HOME": "/dev/null", "PYTHONPATH": str(Path.cwd())}
    kept = {k: v for k, v in os.environ.items() if k not in ("XDG_CACHE_HOME", "NUMBA_CACHE_DIR")}
    done = subprocess.run(
        [sys.executable, "-W", "error", place / "more.py", *words],
        env=kept | changed,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.integration
def test_code_is_kept_beside_the_source(tmp_path: Path) -> None:
    assert run(tmp_path) == "2 0"
    assert list((tmp_path / "__pycache__").glob("more.more-*.nbi"))
    assert run(tmp_path) == "2 1"


@pytest.mark.integration
def test_without_a_place_to_keep_it_it_runs_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "__pycache__").write_text("not a directory")
    assert run(tmp_path) == "2 0"


@pytest.mark.integration
def test_a_full_disk_is_no_error(tmp_path: Path) -> None:
    assert run(tmp_path, "full") == "2 0"
    assert not list((tmp_path / "__pycache__").glob("more.more-*.nbi"))
