"""RecBole in a virtual environment of its own: it needs older libraries than ours."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import click

RECBOLE = ("recbole==1.2.1", "numpy<2", "scipy<1.13", "pandas<3", "setuptools<81")
# RecBole reads its own checkpoints in a way that torch has since made opt-in.
ENVIRONMENT = {"TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1", "PYTHONWARNINGS": "ignore"}
_READY = "ready.txt"


def environment() -> Mapping[str, str]:
    """Our own packages, and those that RecBole needs besides."""
    return os.environ | ENVIRONMENT


def recbole_python(venv: Path) -> Path:
    """The interpreter that can import recbole; the environment is made if it does not exist."""
    python = venv / "bin" / "python"
    if not (venv / _READY).exists():
        click.echo(f"installing RecBole in {venv}: a minute, once", err=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
        quiet = ("--quiet", "--disable-pip-version-check")
        install = (python, "-m", "pip", "install", *quiet)
        # torch first and alone: the rest must find it installed, not choose a build of its own.
        subprocess.run([*install, "torch==2.13.0"], check=True)
        subprocess.run([*install, *RECBOLE], check=True)
        (venv / _READY).write_text("\n".join(RECBOLE) + "\n")
    return python
