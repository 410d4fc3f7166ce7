import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.nightly
@pytest.mark.integration
def test_a_week_with_three_bad_nights_serves_nothing_bad(tmp_path: Path) -> None:
    words = ["-m", "pipeline.week", "--out", str(tmp_path / "week")]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 without an answer, 0 answers of nothing published" in done.stdout
