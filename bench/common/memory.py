"""How much memory a benchmark's process held."""

import re
from pathlib import Path


def peak_mb() -> float:
    """The most that this process has held resident since it began, MB.

    The kernel's high-water mark of this program: getrusage counts, for a program just started,
    the memory of the one that started it.
    """
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024 / 1e6
