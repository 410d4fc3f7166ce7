"""The state of one worker's event log."""

from pathlib import Path
from typing import NamedTuple


class LogStatus(NamedTuple):
    """The state of one worker's log."""

    path: Path
    """The current file."""
    written: int
    """Events on disk, also those of dead workers that this one replaces."""
    lost: int
    """Events that neither the disk nor the backlog had room for; of the same workers."""
    pending: int
    """Events that wait because the disk refuses them."""
    lag_seconds: float
    """Age of the oldest of them; 0 if there is none."""
    failing: str
    """What is wrong, in a few words; empty if nothing is."""
    free_bytes: int
    low_space: bool
    """Whether the disk has less free space than `min_free_bytes`."""
    unshipped_files: int
    unshipped_bytes: int
    """In the whole directory, with the files of other workers."""
    in_memory: int = 0
    """Pending events that are only in this process's memory."""
