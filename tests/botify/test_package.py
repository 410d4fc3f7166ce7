"""The package itself."""

import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import botify


def test_it_knows_its_version() -> None:
    assert botify.__version__ == version("botify")


def test_a_checkout_that_is_not_installed_can_be_imported(tmp_path: Path) -> None:
    (tmp_path / "botify").mkdir()
    for name in ("__init__.py", "version.py"):
        shutil.copy(Path(botify.__file__).with_name(name), tmp_path / "botify")
    program = (
        f"import sys; sys.path[:0] = [{str(tmp_path)!r}]; import botify; print(botify.__version__)"
    )
    # -S: without installed packages.
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "unknown\n"
