"""scikit-surprise in a virtual environment of its own, with the versions of `surprise.lock`."""

import subprocess
import sys
from pathlib import Path

import click

LOCK = Path(__file__).with_name("surprise.lock")
_READY = "ready.txt"


class NoSurpriseError(Exception):
    """It cannot be installed here; says why."""


def surprise_python(venv: Path) -> Path:
    """The interpreter that can import surprise; the environment is made if it is not there.

    Raises NoSurpriseError.
    """
    python, ready = venv / "bin" / "python", venv / _READY
    if ready.exists() and ready.read_text() == LOCK.read_text():
        return python.absolute()
    click.echo(f"installing scikit-surprise in {venv}: a minute, once", err=True)
    install = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    for command in ((sys.executable, "-m", "venv", "--clear", venv), (*install, "-r", LOCK)):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            last = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
            raise NoSurpriseError(last[-1])
    ready.write_text(LOCK.read_text())
    return python.absolute()
