"""Available memory, and the peak that was used."""

import os
import resource
import sys
from pathlib import Path

_GROUP = Path("/sys/fs/cgroup")
_STATUS = Path("/proc/self/status")


def available_memory() -> int:
    """Bytes that this process can still take without swapping.

    The least of what the system says is available and what a container's limit (cgroup v2)
    leaves; the machine's whole memory where the system says nothing.
    """
    found = _proc_field(Path("/proc/meminfo"), "MemAvailable")
    if found is None:
        found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = int((_GROUP / "memory.max").read_text())
        used = int((_GROUP / "memory.current").read_text())
    except (OSError, ValueError):  # no container, or one without a limit ("max")
        return found
    return min(found, max(0, limit - used))


def peak_memory() -> int:
    """Most bytes of memory that this process has held at a time, from its start.

    The whole process: the interpreter, libraries and data as well as the model; processes that
    it started are not counted.
    """
    # getrusage also counts the process before exec, a copy of its parent.
    found = _proc_field(_STATUS, "VmHWM")
    if found is not None:
        return found
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _proc_field(path: Path, name: str) -> int | None:
    """A field such as `VmHWM:   1024 kB`, in bytes."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    value = next((line.split()[1] for line in lines if line.startswith(f"{name}:")), None)
    return None if value is None else int(value) * 1024
