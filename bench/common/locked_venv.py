"""A virtual environment of its own for a program that is measured beside ours."""

import subprocess
import sys
from pathlib import Path

import click

_READY = "ready.txt"


class NoVenvError(Exception):
    """It cannot be installed here; says why."""


def locked_python(venv: Path, lock: Path, what: str) -> Path:
    """The interpreter that has what a lock file names; the environment is made if need be.

    Raises NoVenvError.
    """
    python, ready = venv / "bin" / "python", venv / _READY
    if ready.exists() and ready.read_text() == lock.read_text():
        return python.absolute()
    click.echo(f"installing {what} in {venv}: a minute, once", err=True)
    install = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    for command in ((sys.executable, "-m", "venv", "--clear", venv), (*install, "-r", lock)):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            last = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
            raise NoVenvError(last[-1])
    ready.write_text(lock.read_text())
    return python.absolute()
