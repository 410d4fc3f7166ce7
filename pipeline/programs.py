"""Programs of the rooms: where they are, and what they see of the environment."""

import os
import sys
from pathlib import Path

BIN = Path(sys.executable).parent


def environment() -> dict[str, str]:
    """Without REDIS_URL: a run must not overwrite the lists of another service."""
    return {name: value for name, value in os.environ.items() if name != "REDIS_URL"}
