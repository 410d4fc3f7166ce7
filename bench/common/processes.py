"""CPU time and memory of a program and its descendants, from /proc."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_TICK = os.sysconf("SC_CLK_TCK")


class Process(NamedTuple):
    """One process at one moment; memory in MB."""

    pid: int
    role: str
    """`valkey`, `worker`, or `parent`: one of the service's that has started workers."""
    cpu_seconds: float
    """User's and system's, with that of its children that have ended."""
    rss: float
    """Resident, all shared memory included."""
    pss: float
    """Resident, shared memory divided by the number of processes that share it."""


def processes(root: int) -> list[Process]:
    """The process `root` and its descendants, as far as they still run."""
    found = []
    for pid in family(root):
        with suppress(OSError):  # it has ended
            found.append(_look(pid))
    return found


def cpu_seconds(of: list[Process]) -> float:
    """CPU time so far, of all together."""
    return sum(process.cpu_seconds for process in of)


def family(pid: int) -> Iterator[int]:
    """A process and its descendants, whichever of its threads started them."""
    yield pid
    for child in _children(pid):
        yield from family(child)


def peak(pid: int) -> float | None:
    """The most memory that the process held so far, MB; None if it has ended.

    Asked of the kernel by process: getrusage counts, for a new program, the memory of the one
    that started it.
    """
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    return None


def _look(pid: int) -> Process:
    stat = Path(f"/proc/{pid}/stat").read_text()
    name, fields = stat[stat.index("(") + 1 : stat.rindex(")")], stat[stat.rindex(")") + 2 :]
    ticks = sum(map(int, fields.split()[11:15]))  # user, system, and both of its ended children
    memory = {"Rss": 0.0, "Pss": 0.0}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        key, _, value = line.partition(":")
        if key in memory:
            memory[key] = int(value.split()[0]) * 1024 / 1e6
    role = "valkey" if "valkey" in name else "parent" if any(_workers(pid)) else "worker"
    return Process(pid, role, ticks / _TICK, memory["Rss"], memory["Pss"])


def _workers(pid: int) -> Iterator[int]:
    for child in _children(pid):
        with suppress(OSError):
            if "valkey" not in Path(f"/proc/{child}/comm").read_text():
                yield child


def _children(pid: int) -> Iterator[int]:
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                yield from map(int, (task / "children").read_text().split())
