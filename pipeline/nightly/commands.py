"""Commands of the rooms, whose output a step reads."""

import subprocess

from pipeline.nightly.directory import StopNightError
from pipeline.programs import BIN, environment


def has_seed(model: str) -> bool:
    """Whether a model has an option `seed` of its own."""
    found = False
    for line in run("botify-offline", "models", "--options").splitlines():
        if line and not line[0].isspace():
            found = line.split()[0] == model
        elif found and line.strip().startswith("seed:"):
            return True
    return False


def run(program: str, *arguments: object) -> str:
    """Its standard output. Raises StopNightError with its last words where it fails."""
    words = [program, *map(str, arguments)]
    done = subprocess.run(
        [str(BIN / words[0]), *words[1:]],
        check=False, text=True, env=environment(), capture_output=True,
    )  # fmt: skip
    if done.returncode:
        last = (done.stderr or done.stdout).strip().rpartition("\n")[2]
        raise StopNightError(f"{' '.join(words[:2])} failed: {last}")
    return done.stdout
