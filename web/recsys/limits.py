"""How often somebody may do something: counts in fixed windows, exact over all workers of a host.

A count is the size of a file to which each request appends a byte. The system appends at the end
whoever else does, so that no count is lost and nobody waits; a cache that reads and writes back
loses counts when two workers answer at once. Workers on several hosts count each for themselves.
"""

import hashlib
import os
import shutil
import time
from pathlib import Path

from django.conf import settings


def spend(key: str, most: int, seconds: int = 60) -> int:
    """Count one more of `key`; gives 0 where it is within `most`, else the seconds to wait."""
    now = time.time()
    window = int(now // seconds)
    root = Path(settings.LIMITS_DIR) / str(seconds)
    place = root / str(window)
    name = hashlib.blake2b(key.encode(), digest_size=16).hexdigest()
    try:
        size = _append(place / name)
    except FileNotFoundError:  # the first of this window
        for old in root.iterdir() if root.exists() else ():
            if old.name.isdecimal() and int(old.name) < window:
                shutil.rmtree(old, ignore_errors=True)
        place.mkdir(parents=True, exist_ok=True)
        size = _append(place / name)
    return 0 if size <= most else max(int((window + 1) * seconds - now), 1)


def _append(path: Path) -> int:
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, b".")
        # Where two append at once, both may see the later size: a limit is met early, never late.
        return os.fstat(file).st_size
    finally:
        os.close(file)
