"""What is said of memory."""

import subprocess
import sys
from pathlib import Path

import pytest

from offline import memory

PEAK = """
from offline.memory import peak_memory
before = peak_memory()
some = b"x" * 300_000_000
del some
print(peak_memory() - before)
"""


def test_peak_is_of_this_process_and_outlives_what_made_it() -> None:
    done = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, check=True)
    assert 280_000_000 < int(done.stdout) < 340_000_000


def test_a_container_s_limit_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_GROUP", tmp_path)
    free = memory.available_memory()
    assert free > 10_000_000
    (tmp_path / "memory.current").write_text("3000000\n")
    (tmp_path / "memory.max").write_text("5000000\n")
    assert memory.available_memory() == 2_000_000
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.available_memory() > 10_000_000
