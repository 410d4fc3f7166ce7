"""Commands of the rooms, run as programs."""

import os
import subprocess
import sys
from pathlib import Path

from pipeline.nightly.directory import StopNightError

BIN = Path(sys.executable).parent


def run(program: str, *arguments: object) -> str:
    """Its standard output. Raises StopNightError with its last words where it fails."""
    words = [program, *map(str, arguments)]
    environment = {name: value for name, value in os.environ.items() if name != "REDIS_URL"}
    done = subprocess.run(
        [str(BIN / words[0]), *words[1:]],
        check=False, text=True, env=environment, capture_output=True,
    )  # fmt: skip
    if done.returncode:
        last = (done.stderr or done.stdout).strip().rpartition("\n")[2]
        raise StopNightError(f"{' '.join(words[:2])} failed: {last}")
    return done.stdout
