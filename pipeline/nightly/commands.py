"""Commands of the rooms, whose output a step reads."""

import subprocess

from pipeline.nightly.directory import StopNightError
from pipeline.programs import BIN, environment


def has_seed(model: str) -> bool:
    """Whether a model has an option `seed` of its own.

    A plug-in that cannot be imported is no reason to stop a night with another model.
    """
    found = False
    for line in _done("botify-offline", "models", "--options").stdout.splitlines():
        if line and not line[0].isspace():
            found = line.split()[0] == model
        elif found and line.strip().startswith("seed:"):
            return True
    return False


def run(program: str, *arguments: object) -> str:
    """Its standard output. Raises StopNightError with its last words where it fails."""
    done = _done(program, *map(str, arguments))
    if done.returncode:
        last = (done.stderr or done.stdout).strip().rpartition("\n")[2]
        raise StopNightError(f"{' '.join([program, *map(str, arguments[:1])])} failed: {last}")
    return done.stdout


def _done(program: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(BIN / program), *arguments],
        check=False, text=True, env=environment(), capture_output=True,
    )  # fmt: skip
