"""The page on adding a data set, done as it says."""

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "add-a-data-set.md"
FENCE = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.integration
def test_the_page_works_as_it_says(tmp_path: Path) -> None:
    # Installed beside the environment, not into it.
    site = tmp_path / "site"
    pip = f"{sys.executable} -m pip install -q --no-deps --no-build-isolation --target {site} ."
    environment = os.environ | {
        "PATH": f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}",
        "PYTHONPATH": str(site),
    }
    said = []
    for language, title, text in FENCE.findall(PAGE.read_text("utf-8")):
        if title:
            (tmp_path / title).parent.mkdir(exist_ok=True)
            (tmp_path / title).write_text(text)
            continue
        assert language == "bash"
        done = subprocess.run(
            ["bash", "-euc", text.replace("pip install .", pip)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
        said.append(done.stdout)
    listed, imported, checked = said
    assert "baskets       baskets.txt: who|when|what what ... (baskets 1)" in listed
    assert "format guessed: baskets" in imported
    assert "6 interactions of 2 users with 4 items" in imported
    assert "times: 2024-05-01 to 2024-05-03" in imported
    assert "1 passed" in checked
