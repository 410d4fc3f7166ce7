"""Measures each model in a process of its own, so that memory and time are its alone."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from offline.errors import InputError


class Run(NamedTuple):
    """One model's results."""

    name: str
    facts: dict[str, Any]
    """As `evaluate --json` prints them."""
    per_user: dict[str, NDArray[np.float64]]
    """By metric: a value for each test user."""


class Failed(NamedTuple):
    """A model that could not be measured."""

    name: str
    reason: str


def run(name: str, words: Sequence[str]) -> Run | Failed:
    """`botify-offline evaluate` with these words and the model's name."""
    with tempfile.TemporaryDirectory() as scratch:
        values = Path(scratch, "values.npz")
        command = [sys.executable, "-m", "offline", "evaluate", *words, "--model", name]
        # Bars of the model go to the terminal, its last words to whoever asked.
        done = subprocess.run(
            [*command, "--json", "--per-user", str(values)],
            stdout=subprocess.PIPE,
            stderr=None if sys.stderr.isatty() else subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            lines = (done.stderr or "").strip().splitlines() or [f"exit code {done.returncode}"]
            if done.returncode < 0:
                lines = [f"killed by signal {-done.returncode}: too little memory, perhaps"]
            return Failed(name, lines[-1].removeprefix("Error: "))
        with np.load(values, allow_pickle=False) as found:
            per_user = {metric: found[metric] for metric in found.files}
    return Run(name, json.loads(done.stdout.splitlines()[-1]), per_user)


def check_comparable(runs: Sequence[Run]) -> None:
    """Raises InputError unless all were asked about the same part of the same data."""
    for key in ("split", "users", "items", "interactions", "test_users"):
        told = {run.name: run.facts[key] for run in runs}
        if len(set(told.values())) > 1:
            raise InputError(f"the data changed while models were measured: {key} is {told}")
